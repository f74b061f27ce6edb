// Runs a workflow on this machine, as far as ours need it: node run-workflow.mjs MODULES WORKFLOW [OPTION...]
//
//   --action PROGRAM     runs this in the place of the action's container, so that no Docker is needed
//   --workspace DIR      the repository that is checked out; without it, a copy of this work tree
//   --input NAME=VALUE   an input of `workflow_dispatch`
//
// MODULES is where `npm ci` put the packages of package.json beside this file. .github/workflows/e2e.yml needs Docker, git and
// jq; where no engine runs: scripts/image-engine node scripts/run-workflow.mjs MODULES .github/workflows/e2e.yml
//
// It is no runner, but does what GitHub's does with what is in these workflows: `if:` and `${{ }}` by GitHub's own evaluator,
// jobs after those that they need, `run:` steps in bash, and our action as an image that is built and then run with the
// runner's mounts and variables on Docker's default network. Reviewers say yes. Whatever else a workflow may have ends it with
// an error. The job's token for the keyless sign-in comes from here, too.
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { parseArgs } from "node:util";

const { values: options, positionals } = parseArgs({
    allowPositionals: true,
    options: {
        action: { type: "string" },
        workspace: { type: "string" },
        input: { type: "string", multiple: true, default: [] },
    },
});
const [modules, file] = positionals;
if (!modules || !file) {
    console.error("usage: node run-workflow.mjs MODULES WORKFLOW [--action PROGRAM] [--workspace DIR] [--input NAME=VALUE]");
    process.exit(2);
}
const root = resolve(dirname(fileURLToPath(import.meta.url)), "..");
const packages = join(resolve(modules), "node_modules");
const { Evaluator, Lexer, Parser, data } = await import(
    pathToFileURL(join(packages, "@actions/expressions/dist/index.js")).href
);
const YAML = createRequire(join(resolve(modules), "package.json"))("yaml");

function knowOnly(what, object, known) {
    const unknown = Object.keys(object ?? {}).filter((key) => !known.includes(key));
    if (unknown.length > 0) throw new Error(`${what} has what is not known here: ${unknown}`);
}

// ------------------------------------------------------------------------------------------------------- expressions

const asData = (value) => JSON.parse(JSON.stringify(value), data.reviver);

/** The value of an expression. `contexts` are plain objects; `standing` is what has become of all that came before. */
function evaluate(expression, contexts, standing) {
    const status = {
        always: true,
        success: standing === "success",
        failure: standing === "failure",
        cancelled: false,
    };
    const functions = Object.entries(status).map(([name, value]) => ({
        name,
        minArgs: 0,
        maxArgs: 0,
        call: () => asData(value),
    }));
    const { tokens } = new Lexer(expression).lex();
    const parsed = new Parser(tokens, Object.keys(contexts), functions).parse();
    return new Evaluator(parsed, asData(contexts), new Map(functions.map((one) => [one.name, one]))).evaluate();
}

/** A text with each `${{ }}` in it replaced. */
const interpolate = (text, contexts) =>
    String(text).replaceAll(/\$\{\{(.*?)\}\}/gs, (_, expression) => evaluate(expression, contexts).coerceString());

const interpolateAll = (object = {}, contexts) =>
    Object.fromEntries(Object.entries(object).map(([name, value]) => [name, interpolate(value, contexts)]));

/** Whether a step or a job runs. Without a function that asks for the status, a failure before is in its way. */
function runs(condition, contexts, standing) {
    const asked = String(condition ?? "success()").replaceAll(/^\s*\$\{\{|\}\}\s*$/g, "");
    const asksForStatus = /\b(always|success|failure|cancelled)\s*\(/i.test(asked);
    const answer = evaluate(asksForStatus ? asked : `success() && (${asked})`, contexts, standing);
    return !["false", "0", ""].includes(answer.coerceString());
}

// ------------------------------------------------------------------------------------------------------------- steps

/** What a step wrote to `GITHUB_OUTPUT`: the last value of each name. */
function readOutputs(text) {
    const outputs = {};
    const lines = text.split("\n");
    while (lines.length > 0) {
        const line = lines.shift();
        const heredoc = line.match(/^([^=]+?)<<(.+)$/);
        if (heredoc) {
            const end = lines.indexOf(heredoc[2]);
            if (end < 0) throw new Error(`no end of ${heredoc[1]} in GITHUB_OUTPUT`);
            outputs[heredoc[1]] = lines.splice(0, end + 1).slice(0, -1).join("\n");
        } else if (line.includes("=")) {
            outputs[line.slice(0, line.indexOf("="))] = line.slice(line.indexOf("=") + 1);
        } else if (line !== "") {
            throw new Error(`neither name=value nor name<<delimiter in GITHUB_OUTPUT: ${line}`);
        }
    }
    return outputs;
}

/** Runs a command with its output on ours, and hands out its exit code. Not blocking: tokens are served meanwhile. */
function execute(command, args, settings) {
    return new Promise((ended, broken) => {
        const child = spawn(command, args, { stdio: ["ignore", "inherit", "inherit"], ...settings });
        child.on("error", broken);
        child.on("exit", (code) => ended(code ?? 128));
    });
}

/** A runner's directories, and the names of the command files in one of them. */
const DIRECTORIES = ["home", "workflow", "file_commands", "workspace"];
const FILES = { GITHUB_OUTPUT: "output", GITHUB_STEP_SUMMARY: "summary", GITHUB_ENV: "env", GITHUB_PATH: "path" };

const files = (directory) => Object.fromEntries(Object.entries(FILES).map(([name, base]) => [name, join(directory, base)]));

const bash = (script, environment, place) =>
    execute("bash", ["--noprofile", "--norc", "-eo", "pipefail", "-c", script], {
        cwd: join(place, "workspace"),
        env: { ...process.env, ...environment, ...files(join(place, "file_commands")) },
    });

/** Our action, as the runner's ContainerActionHandler builds and starts it; or a program in its place. */
async function action(given, environment, place) {
    const { inputs, runs } = YAML.parse(readFileSync(join(root, "action.yml"), "utf8"));
    knowOnly("action.yml", runs, ["using", "image", "entrypoint"]);
    knowOnly("a step's `with`", given, Object.keys(inputs));
    const variables = { ...environment };
    // Every input of the action has a variable, an empty one where nothing was given.
    for (const name of Object.keys(inputs)) {
        variables[`INPUT_${name.toUpperCase().replaceAll(" ", "_")}`] = given[name] ?? "";
    }
    if (options.action) {
        return execute(resolve(options.action), [], {
            cwd: join(place, "workspace"),
            env: { ...process.env, ...variables, ...files(join(place, "file_commands")) },
        });
    }
    if (runs.image !== "Dockerfile") throw new Error(`action.yml has the image ${runs.image}`);
    const built = await execute("docker", ["build", "--quiet", "--tag", "run-workflow-action", root], {});
    if (built !== 0) return built;
    Object.assign(variables, files("/github/file_commands"), { HOME: "/github/home", GITHUB_WORKSPACE: "/github/workspace" });
    return execute(
        "docker",
        ["run", "--rm", "--workdir", "/github/workspace"]
            .concat(Object.keys(variables).flatMap((name) => ["-e", name]))
            .concat(DIRECTORIES.flatMap((name) => ["-v", `${join(place, name)}:/github/${name}`]))
            .concat(["--entrypoint", runs.entrypoint, "run-workflow-action"]),
        { env: { ...process.env, ...variables, HOME: process.env.HOME } },
    );
}

/** One step: its outcome and its outputs. */
async function play(step, contexts, place, runner) {
    const directory = join(place, "file_commands");
    for (const path of Object.values(files(directory))) {
        writeFileSync(path, "");
    }
    const environment = { ...runner, ...contexts.env, ...interpolateAll(step.env, contexts) };
    let code;
    if (step.run !== undefined) {
        code = await bash(interpolate(step.run, contexts), environment, place);
    } else if (step.uses === "./" || step.uses.startsWith("dcs-migration-wait/dcs-migration-wait@")) {
        code = await action(interpolateAll(step.with, contexts), environment, place);
        if (readFileSync(files(directory).GITHUB_STEP_SUMMARY, "utf8") === "") throw new Error("no job summary");
    } else {
        throw new Error(`not known here: uses: ${step.uses}`);
    }
    return [code === 0 ? "success" : "failure", readOutputs(readFileSync(files(directory).GITHUB_OUTPUT, "utf8"))];
}

// -------------------------------------------------------------------------------------------------------------- jobs

/** All steps of a job: its result and its outputs. */
async function work(job, contexts, place, runner) {
    let standing = "success";
    contexts.steps = {};
    for (const step of job.steps) {
        knowOnly("a step", step, ["name", "id", "if", "uses", "with", "run", "env", "continue-on-error"]);
        const name = step.name ?? step.uses ?? step.run;
        if (step.uses?.startsWith("actions/checkout@")) continue;

        let [outcome, outputs] = ["skipped", {}];
        if (runs(step.if, contexts, standing)) {
            console.log(`\n==> ${name}`);
            [outcome, outputs] = await play(step, contexts, place, runner);
        }
        const conclusion = outcome === "failure" && step["continue-on-error"] ? "success" : outcome;
        if (conclusion === "failure") standing = "failure";
        if (step.id) contexts.steps[step.id] = { outputs, outcome, conclusion };
        console.log(`    ${outcome}: ${name}`);
    }
    return { result: standing, outputs: interpolateAll(job.outputs, contexts) };
}

/** What has become of a job's needs, and of what those needed. */
function standingOf(job, jobs, done) {
    const before = [job.needs ?? []].flat();
    const all = before.map((name) => [done[name].result, standingOf(jobs[name], jobs, done)]).flat();
    return ["failure", "skipped"].find((result) => all.includes(result)) ?? "success";
}

const workflow = YAML.parse(readFileSync(file, "utf8"));
knowOnly("the workflow", workflow, ["name", "on", "permissions", "concurrency", "defaults", "env", "jobs"]);
const place = mkdtempSync(join(tmpdir(), "workflow-"));
for (const name of DIRECTORIES.filter((name) => name !== "workspace" || !options.workspace)) {
    mkdirSync(join(place, name));
}
if (options.workspace) {
    symlinkSync(resolve(options.workspace), join(place, "workspace"));
} else {
    const tracked = execFileSync("git", ["ls-files", "-z", "--cached", "--others", "--exclude-standard"], { cwd: root });
    const packed = execFileSync("tar", ["--null", "--files-from=-", "--create"], { cwd: root, input: tracked, maxBuffer: 1 << 28 });
    execFileSync("tar", ["--extract"], { cwd: join(place, "workspace"), input: packed });
}

// GitHub's service that signs tokens for the job, where the action finds this machine.
const gateway = ["network", "inspect", "bridge", "--format", "{{(index .IPAM.Config 0).Gateway}}"];
const address = options.action ? "127.0.0.1" : execFileSync("docker", gateway).toString().trim();
const part = (object) => Buffer.from(JSON.stringify(object)).toString("base64url");
const tokens = createServer((request, response) => {
    const isOurs = request.headers.authorization === "Bearer job" && request.url.startsWith("/token?api-version=2.0");
    const aud = new URL(request.url, "http://job").searchParams.get("audience") ?? "https://github.com/owner";
    const claims = { iss: "https://token.actions.githubusercontent.com", aud, sub: "repo:owner/repository" };
    const token = [part({ alg: "RS256", typ: "JWT" }), part({ ...claims, exp: Math.floor(Date.now() / 1000) + 300 }), "sign"];
    response.writeHead(isOurs ? 200 : 401, { "Content-Type": "application/json" });
    response.end(JSON.stringify({ value: token.join(".") }));
});
await new Promise((listening) => tokens.listen(0, address, listening));

const given = options.input.map((text) => [text.slice(0, text.indexOf("=")), text.slice(text.indexOf("=") + 1)]);
const inputs = Object.fromEntries(given);
const done = {};
try {
    for (const [id, job] of Object.entries(workflow.jobs)) {
        const ignored = ["name", "runs-on", "timeout-minutes", "permissions", "environment"];
        knowOnly(`the job ${id}`, job, [...ignored, "needs", "if", "env", "outputs", "steps"]);
        const needs = Object.fromEntries([job.needs ?? []].flat().map((name) => [name, done[name]]));
        const contexts = { github: { event_name: "workflow_dispatch", workflow: workflow.name }, inputs, needs };
        contexts.env = interpolateAll({ ...workflow.env, ...job.env }, contexts);
        const runner = {
            CI: "true",
            GITHUB_ACTIONS: "true",
            GITHUB_JOB: id,
            ACTIONS_ID_TOKEN_REQUEST_URL: `http://${address}:${tokens.address().port}/token?api-version=2.0`,
            ACTIONS_ID_TOKEN_REQUEST_TOKEN: "job",
        };
        const begins = runs(job.if, contexts, standingOf(job, workflow.jobs, done));
        done[id] = begins ? await work(job, contexts, place, runner) : { result: "skipped", outputs: {} };
        console.log(`\njob ${id}: ${done[id].result}`);
    }
} finally {
    tokens.close();
    if (!options.action) {
        // Files that containers wrote belong to root.
        const clean = ["-v", `${place}:/place`, "--entrypoint", "/bin/sh", "run-workflow-action", "-c", "rm -rf /place/*"];
        spawnSync("docker", ["run", "--rm", ...clean]);
    }
    rmSync(place, { recursive: true, force: true });
}
process.exitCode = Object.values(done).some(({ result }) => result === "failure") ? 1 : 0;
