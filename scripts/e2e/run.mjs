// Runs the job of .github/workflows/e2e.yml on this machine: node run.mjs MODULES
//
// MODULES is where `npm ci` put the packages of package.json beside this file. Needs Docker, git and jq; where no engine
// runs: scripts/image-engine node scripts/e2e/run.mjs MODULES
//
// It is no runner, but does what GitHub's runner does with what that workflow has: `if:` and `${{ }}` by GitHub's own
// evaluator, `run:` steps in bash, and `uses: ./` as an image that is built and then run with the runner's mounts and
// variables, on Docker's default network. Whatever else a workflow may have ends it with an error. The job's token for the
// keyless sign-in comes from here. The work tree is copied first: a run leaves nothing in it.
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const [modules] = process.argv.slice(2);
if (!modules) {
    console.error("usage: node run.mjs MODULES");
    process.exit(2);
}
const root = resolve(dirname(fileURLToPath(import.meta.url)), "../..");
const packages = join(resolve(modules), "node_modules");
const { Evaluator, Lexer, Parser, data } = await import(
    pathToFileURL(join(packages, "@actions/expressions/dist/index.js")).href
);
const YAML = createRequire(join(resolve(modules), "package.json"))("yaml");

// ------------------------------------------------------------------------------------------------------- expressions

const asData = (value) => JSON.parse(JSON.stringify(value), data.reviver);

/** The value of an expression. `contexts` are plain objects; `failed` is whether a step before has failed. */
function evaluate(expression, contexts, failed) {
    const status = { always: true, success: !failed, failure: failed, cancelled: false };
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
    String(text).replaceAll(/\$\{\{(.*?)\}\}/gs, (_, expression) => evaluate(expression, contexts, false).coerceString());

const interpolateAll = (object = {}, contexts) =>
    Object.fromEntries(Object.entries(object).map(([name, value]) => [name, interpolate(value, contexts)]));

/** Whether a step runs. Without a function that asks for the status, one that has failed before is in its way. */
function runs(step, contexts, failed) {
    const condition = String(step.if ?? "success()").replaceAll(/^\s*\$\{\{|\}\}\s*$/g, "");
    const asksForStatus = /\b(always|success|failure|cancelled)\s*\(/i.test(condition);
    return !evaluate(asksForStatus ? condition : `success() && (${condition})`, contexts, failed).coerceString().match(
        /^(false|0|)$/,
    );
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

/** Runs a command with its output on ours, and hands out its exit code. Not blocking: the tokens are served meanwhile. */
function execute(command, args, options) {
    return new Promise((ended, broken) => {
        const child = spawn(command, args, { stdio: ["ignore", "inherit", "inherit"], ...options });
        child.on("error", broken);
        child.on("exit", (code) => ended(code ?? 128));
    });
}

const bash = (script, environment, job) =>
    execute("bash", ["--noprofile", "--norc", "-eo", "pipefail", "-c", script], {
        cwd: join(job, "workspace"),
        env: { ...process.env, ...environment, GITHUB_OUTPUT: join(job, "file_commands/output") },
    });

/** A Docker action, as the runner's ContainerActionHandler builds and starts it. */
async function action(given, environment, job) {
    const workspace = join(job, "workspace");
    const { inputs, runs } = YAML.parse(readFileSync(join(workspace, "action.yml"), "utf8"));
    if (runs.using !== "docker" || runs.image !== "Dockerfile" || runs.args || runs.env) {
        throw new Error("action.yml has something that is not known here");
    }
    const unknown = Object.keys(given).filter((name) => !(name in inputs));
    if (unknown.length > 0) throw new Error(`no inputs of the action: ${unknown}`);
    const built = await execute("docker", ["build", "--quiet", "--tag", "e2e-action", workspace], {});
    if (built !== 0) return built;
    // Every input of the action has a variable, an empty one where nothing was given.
    const variables = { ...environment, HOME: "/github/home", GITHUB_WORKSPACE: "/github/workspace" };
    for (const name of Object.keys(inputs)) {
        variables[`INPUT_${name.toUpperCase().replaceAll(" ", "_")}`] = given[name] ?? "";
    }
    const files = { GITHUB_OUTPUT: "output", GITHUB_STEP_SUMMARY: "summary", GITHUB_ENV: "env", GITHUB_PATH: "path" };
    for (const [name, file] of Object.entries(files)) {
        variables[name] = `/github/file_commands/${file}`;
    }
    const mounts = ["home", "workflow", "file_commands", "workspace"].map((name) => `${join(job, name)}:/github/${name}`);
    return execute(
        "docker",
        ["run", "--rm", "--workdir", "/github/workspace"]
            .concat(Object.keys(variables).flatMap((name) => ["-e", name]))
            .concat(mounts.flatMap((mount) => ["-v", mount]))
            .concat(["--entrypoint", runs.entrypoint, "e2e-action"]),
        { env: { ...process.env, ...variables, HOME: process.env.HOME } },
    );
}

// --------------------------------------------------------------------------------------------------------------- job

const workflow = YAML.parse(readFileSync(join(root, ".github/workflows/e2e.yml"), "utf8"));
const [[jobName, job], ...others] = Object.entries(workflow.jobs);
if (others.length > 0 || job.services || job.container || job.strategy) {
    throw new Error("the workflow has something that is not known here");
}

const directory = mkdtempSync(join(tmpdir(), "e2e-"));
for (const name of ["home", "workflow", "file_commands", "workspace"]) {
    mkdirSync(join(directory, name));
}
const tracked = execFileSync("git", ["ls-files", "-z", "--cached", "--others", "--exclude-standard"], { cwd: root });
const packed = execFileSync("tar", ["--null", "--files-from=-", "--create"], { cwd: root, input: tracked, maxBuffer: 1 << 28 });
execFileSync("tar", ["--extract"], { cwd: join(directory, "workspace"), input: packed });

// GitHub's service that signs tokens for the job, where containers find this machine.
const gateway = execFileSync("docker", ["network", "inspect", "bridge", "--format", "{{(index .IPAM.Config 0).Gateway}}"])
    .toString()
    .trim();
const part = (object) => Buffer.from(JSON.stringify(object)).toString("base64url");
const tokens = createServer((request, response) => {
    const isOurs = request.headers.authorization === "Bearer e2e" && request.url.startsWith("/token?api-version=2.0");
    const now = Math.floor(Date.now() / 1000);
    const aud = new URL(request.url, "http://e2e").searchParams.get("audience") ?? "https://github.com/e2e";
    const claims = { iss: "https://token.actions.githubusercontent.com", aud, sub: "repo:e2e/e2e", exp: now + 300 };
    response.writeHead(isOurs ? 200 : 401, { "Content-Type": "application/json" });
    response.end(JSON.stringify({ value: `${part({ alg: "RS256", typ: "JWT" })}.${part(claims)}.e2e` }));
});
await new Promise((listening) => tokens.listen(0, gateway, listening));

const runner = {
    CI: "true",
    GITHUB_ACTIONS: "true",
    GITHUB_JOB: jobName,
    ACTIONS_ID_TOKEN_REQUEST_URL: `http://${gateway}:${tokens.address().port}/token?api-version=2.0`,
    ACTIONS_ID_TOKEN_REQUEST_TOKEN: "e2e",
};
const contexts = {
    github: { event_name: "workflow_dispatch", workflow: workflow.name, ref: "refs/heads/main" },
    steps: {},
    env: {},
};
contexts.env = interpolateAll(job.env, contexts);

let failed = false;
try {
    for (const step of job.steps) {
        const known = ["name", "id", "if", "uses", "with", "run", "env", "continue-on-error"];
        const unknown = Object.keys(step).filter((key) => !known.includes(key));
        if (unknown.length > 0) throw new Error(`a step has what is not known here: ${unknown}`);

        const name = step.name ?? step.uses ?? step.run;
        let outcome = "skipped";
        let outputs = {};
        if (runs(step, contexts, failed) && !step.uses?.startsWith("actions/checkout@")) {
            console.log(`\n==> ${name}`);
            const files = join(directory, "file_commands");
            for (const file of ["output", "summary", "env", "path"]) {
                writeFileSync(join(files, file), "");
            }
            const environment = { ...runner, ...contexts.env, ...interpolateAll(step.env, contexts) };
            let code;
            if (step.run !== undefined) {
                code = await bash(interpolate(step.run, contexts), environment, directory);
            } else if (step.uses === "./") {
                code = await action(interpolateAll(step.with, contexts), environment, directory);
                if (!readFileSync(join(files, "summary"), "utf8").includes("#")) throw new Error("no job summary");
            } else {
                throw new Error(`not known here: uses: ${step.uses}`);
            }
            outcome = code === 0 ? "success" : "failure";
            outputs = readOutputs(readFileSync(join(files, "output"), "utf8"));
        }
        const conclusion = outcome === "failure" && step["continue-on-error"] ? "success" : outcome;
        failed ||= conclusion === "failure";
        if (step.id) contexts.steps[step.id] = { outputs, outcome, conclusion };
        console.log(`    ${outcome}: ${name}`);
    }
} finally {
    tokens.close();
    // Files that containers wrote belong to root.
    spawnSync("docker", ["run", "--rm", "-v", `${directory}:/e2e`, "--entrypoint", "/bin/sh", "e2e-action", "-c", "rm -rf /e2e/*"]);
    rmSync(directory, { recursive: true, force: true });
}
console.log(failed ? "\ne2e: the job FAILED" : "\ne2e: the job succeeded");
process.exit(failed ? 1 : 0);
