// Lets the binary talk to an API that means ill, and reads what it wrote with real renderers:
// node check-hostile.mjs MODULES BINARY [SEED]
//
// MODULES is where `npm ci` put the packages of scripts/package.json. Each answer of the API holds another text, made of
// markup of every kind: statuses, error codes and messages, request ids. What becomes of a summary is asked of three
// Markdown renderers that let raw HTML through and make links of addresses; then, and for the HTML report, an HTML
// parser. Three things must hold:
//
// - The report has the same elements and attributes as one of an API that sends plain words, so that no text became one.
// - The text that is left makes no mention, reference, picture or address where a forge would look for them.
// - The text can be read: it is there as the API sent it.
import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";

const [modules, binary, seedArgument] = process.argv.slice(2);
if (!modules || !binary) {
    console.error("usage: node check-hostile.mjs MODULES BINARY [SEED]");
    process.exit(2);
}
const require = createRequire(join(resolve(modules), "package.json"));
const load = (name) => import(pathToFileURL(require.resolve(name)).href);
const { default: MarkdownIt } = await load("markdown-it");
const { marked } = await load("marked");
const { micromark } = await load("micromark");
const { gfm, gfmHtml } = await load("micromark-extension-gfm");
const { parse, parseFragment } = await load("parse5");

const renderers = {
    "markdown-it": (text) => new MarkdownIt({ html: true, linkify: true }).render(text),
    marked: (text) => marked.parse(text, { gfm: true, async: false }),
    micromark: (text) =>
        micromark(text, { allowDangerousHtml: true, extensions: [gfm()], htmlExtensions: [gfmHtml()] }),
};

// ---------------------------------------------------------------------------------------------------------- the texts

const FRAGMENTS = [
    ..."<>&\"'`|*_~#@:[](){}!\\/$%^=+-.;?, 0a",
    ...["<b>", "</b>", "<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "<!--", "-->", "<![CDATA[", "]]>"],
    ...["</td></tr></table>", "</code>", "<code>", "</details>", "<summary>", "</svg>", "</title>", "<style>", "<br/>"],
    ...["<a href='javascript:alert(1)'>", "<svg onload=alert(1)>", "<iframe src=//example.org>", "<?php", "<!DOCTYPE x>"],
    ...["&lt;b&gt;", "&#60;b&#62;", "&amp;", "&copy;", "&#x3c;", "&#64;org"],
    ...["[a](https://example.org)", "![a](https://example.org/x.png)", "[a]: https://example.org", "[^1]", "[x][y]"],
    ...["<https://example.org>", "https://example.org/a?b=c", "http://example.org", "www.example.org", "ftp://x.example.org"],
    ...["mailto:a@example.org", "a@example.org", "@octocat", "@org/team", "#1", "owner/repo#12", ":+1:", ":smile:", ":100:"],
    ...["**bold**", "__bold__", "*em*", "_em_", "~~gone~~", "`code`", "``", "```", "~~~", "$x$", "$$", "\\", "\\\\"],
    ...["| a | b |", "| --- |", "---", "===", "- a", "+ a", "* a", "1. a", "1) a", "> a", "# a", "###### a", "- [ ] a", "    a"],
    ...["::error::x", "##[error]x", "::set-output name=ready::true", "${{ secrets.X }}", "$(id)", "%0A", "é", "日本", "🙂"],
];
const UNSEEN = ["\u0000", "\u001b[31m", "\r\n", "\n\n", "\t", "\u0085", "\u202e", "\u2066", "\u2028", "\u200b", "\ufeff", "\u{e0041}", "\ufffe"];

/** A small generator, so that a seed gives the same run again. */
function random(seed) {
    let state = seed >>> 0;
    return (below) => {
        state = (state + 0x6d2b79f5) >>> 0;
        let bits = Math.imul(state ^ (state >>> 15), state | 1);
        bits ^= bits + Math.imul(bits ^ (bits >>> 7), bits | 61);
        return ((bits ^ (bits >>> 14)) >>> 0) % below;
    };
}

/** A text that an API sends, and what people shall see of it where that is plain to say. */
function hostileText(draw, number) {
    const pick = (list) => list[draw(list.length)];
    const visible = draw(4) > 0;
    const parts = Array.from({ length: 1 + draw(8) }, () => pick(!visible && draw(3) === 0 ? UNSEEN : FRAGMENTS));
    const text = parts.join(pick(["", " ", ""]));
    // A word of its own keeps two texts apart, and an end that is no space shows that all of it is there.
    const whole = draw(2) === 0 ? `${text} t${number}` : `t${number}${text}.`;
    return { sent: whole, seen: visible ? squeeze(harmless(whole)) : undefined };
}

/** What the program makes of a text that can be seen: nothing in it starts a workflow command. */
function harmless(text) {
    return text.trim().replaceAll("`", "'").replace(/^::/, ": :").replaceAll("##[", "## [");
}

const squeeze = (text) => text.replaceAll("\u2060", "").replaceAll(/\s+/g, " ").trim();

// ------------------------------------------------------------------------------------------------------------ the run

const TASK = "31c6fd2b-2893-430b-90ff-d1adb8060585";
const LOOKS = 60;

/** What the API says at each look; the last is a refusal. Every text of it comes from `next`. */
function script(next) {
    let migrating = false;
    return Array.from({ length: LOOKS }, (_, n) => {
        if (n === LOOKS - 1) {
            return { status: 403, code: next(), message: next(), id: next() };
        }
        if (n % 3 === 2) {
            return { status: 503, code: next(), message: next(), id: next() };
        }
        // `is_migrating` changes, so that the status is read again.
        migrating = !migrating;
        return { status: 200, migrating, word: next(), extra: next() };
    });
}

/** Runs the binary against such an API, and hands out what it wrote. */
async function run(looks) {
    const directory = mkdtempSync(join(tmpdir(), "hostile-"));
    let look = -1;
    const server = createServer((request, response) => {
        const isStats = request.url.endsWith("/stats");
        if (isStats) {
            look = Math.min(look + 1, looks.length - 1);
        }
        const now = looks[Math.max(look, 0)];
        const send = (status, body) => {
            if (now.id !== undefined) {
                // A header holds no line breaks and nothing beyond Latin-1.
                response.setHeader("X-Request-Id", now.id.replaceAll(/[^\x20-\xff]|\x7f/g, "?"));
            }
            response.writeHead(status, { "Content-Type": "application/json" });
            response.end(JSON.stringify(body));
        };
        if (now.status !== 200) {
            send(now.status, { error_code: now.code, error_msg: now.message });
        } else if (isStats) {
            send(200, { is_migrating: now.migrating, full_migration_progress: 100, offset: 5 + look, [now.extra]: now.extra });
        } else {
            send(200, { status: now.word, task_status: now.extra, migration_method: now.extra });
        }
    });
    await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
    const environment = {
        DCS_ENDPOINT: `http://127.0.0.1:${server.address().port}`,
        DCS_TASK_ID: TASK,
        DCS_PROJECT_ID: "666486c2d9b948c1bbea57e714d744fa",
        DCS_AUTH_TOKEN: "simulated-token",
        DCS_INITIAL_INTERVAL: "5ms",
        DCS_MAX_INTERVAL: "5ms",
        DCS_MAX_REQUESTS_PER_SECOND: "1000",
        DCS_TIMEOUT: "60s",
        DCS_REPORT: "out.html,out.md",
        GITHUB_STEP_SUMMARY: join(directory, "summary.md"),
    };
    const code = await new Promise((ended) => {
        execFile(resolve(binary), { cwd: directory, env: environment }, (error) => ended(error?.code ?? 0));
    });
    server.close();
    const [summary, html] = ["summary.md", "out.html"].map((name) => readFileSync(join(directory, name), "utf8"));
    rmSync(directory, { recursive: true });
    return { code, summary, html };
}

// ---------------------------------------------------------------------------------------------------------- the check

const isElement = (node) => node.tagName !== undefined;

/**
 * The elements of a tree with their attributes, but for the text. Neighbours of one shape count as one: how many rows
 * a table has depends on the time that a run takes. So do coordinates, which are left out.
 */
function shape(node) {
    const inner = (node.childNodes ?? []).filter((child) => child.nodeName !== "#text").map(shape);
    const isDrawn = node.namespaceURI === "http://www.w3.org/2000/svg";
    // Which of its labels and marks have room in a picture depends on the time, too: there each shape counts once.
    const neighbours = inner.filter((child, n) => child !== inner[n - 1]);
    const children = (isDrawn ? [...new Set(inner)].sort() : neighbours).join("");
    if (!isElement(node)) {
        return node.nodeName.startsWith("#document") ? children : `<${node.nodeName}>`;
    }
    const attributes = node.attrs.map(({ name, value }) => (isDrawn ? name : `${name}=${JSON.stringify(value)}`));
    if (isDrawn && ["title", "desc", "text"].includes(node.tagName)) {
        return `<${[node.tagName, ...attributes].join(" ")}>${children}`;
    }
    return `<${[node.tagName, ...attributes].join(" ")}>${children}</${node.tagName}>`;
}

/** Where two shapes part. */
function difference(one, other) {
    let n = 0;
    while (n < one.length && one[n] === other[n]) {
        n += 1;
    }
    return `${one.slice(Math.max(0, n - 80), n + 120)} instead of ${other.slice(n, n + 120)}`;
}

/** The text of each node that a forge looks into, which is all but code. */
function* texts(node) {
    for (const child of node.childNodes ?? []) {
        if (child.nodeName === "#text") {
            yield child.value;
        } else if (!["code", "pre"].includes(child.tagName)) {
            yield* texts(child);
        }
    }
}

const textOf = (node) =>
    (node.childNodes ?? []).map((child) => (child.nodeName === "#text" ? child.value : textOf(child))).join("");

const MADE_OF_TEXT = {
    "a mention": /@[a-z0-9]/i,
    "a reference": /#\d|#[a-z]/i,
    "a picture": /(?<!\d):(?:[a-z][\w+-]*|[+-]1|100|1234|8ball):/i,
};

const problems = [];

function check(where, tree, plain, looks, isMarkdown) {
    const [found, wanted] = [shape(tree), shape(plain)];
    if (found !== wanted) {
        problems.push(`${where}: ${difference(found, wanted)}`);
    }
    if (isMarkdown) {
        for (const text of texts(tree)) {
            for (const [what, pattern] of Object.entries(MADE_OF_TEXT)) {
                if (pattern.test(text)) {
                    problems.push(`${where}: ${what} could be made of ${JSON.stringify(text)}`);
                }
            }
        }
    }
    const shown = squeeze(textOf(tree));
    let read = 0;
    for (const { seen } of looks) {
        if (seen !== undefined && shown.includes(seen)) {
            read += 1;
        } else if (seen !== undefined) {
            problems.push(`${where}: ${JSON.stringify(seen)} is not there`);
        }
    }
    return read;
}

const first = seedArgument === undefined ? 1 : Number(seedArgument);
const rounds = seedArgument === undefined ? 10 : 1;
let plainWords = 0;
const plain = await run(script(() => `word${(plainWords += 1)}`));
let sent = 0;
let read = 0;
for (let seed = first; seed < first + rounds; seed += 1) {
    const draw = random(seed);
    const texts = [];
    const looks = script(() => {
        texts.push(hostileText(draw, texts.length));
        return texts.at(-1).sent;
    });
    const { code, summary, html } = await run(looks);
    if (code !== 5 || plain.code !== 5) {
        problems.push(`seed ${seed}: ended with ${code}, plain words with ${plain.code}`);
    }
    // Statuses stand in the time line. Codes, messages and ids are cut into one another.
    const words = texts.filter(({ sent }) => looks.some(({ word }) => word === sent));
    sent += texts.length;
    for (const [name, render] of Object.entries(renderers)) {
        const trees = [summary, plain.summary].map((text) => parseFragment(render(text)));
        read += check(`seed ${seed}, summary by ${name}`, ...trees, words, true);
    }
    read += check(`seed ${seed}, HTML report`, parse(html), parse(plain.html), words, false);
}
for (const problem of problems.slice(0, 20)) {
    console.error(problem);
}
console.log(`check-hostile: ${sent} texts sent, ${read} times read as they were, ${problems.length} problems`);
process.exit(problems.length === 0 && read > 0 ? 0 : 1);
