// Renders reports as people see them, so that somebody can look: node look.mjs MODULES OUT FILE...
//
// MODULES is where `npm ci` put the packages of package.json. Each `.html` file is opened as it is; each `.md` file is
// rendered as GitHub renders it (GitHub-flavoured Markdown, its style, Mermaid), with every version of Mermaid that is
// installed. All of it in headless Chromium, in light and in dark, and the HTML report also as it is printed and in a
// narrow window. Pictures go to OUT.
//
// It also checks what needs no eyes: nothing is asked for over a network, the console stays silent, no dialog opens, every chart is
// drawn, the HTML report holds the numbers of the `.json` report beside it, and what is not for the eye is there: names
// of charts, headings of tables. The exit code is 1 where that is not so.
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { basename, dirname, join, resolve } from "node:path";
import { pathToFileURL } from "node:url";

const [modules, out, ...files] = process.argv.slice(2);
if (!modules || !out || files.length === 0) {
    console.error("usage: node look.mjs MODULES OUT FILE...");
    process.exit(2);
}
const packages = join(resolve(modules), "node_modules");
const require = createRequire(join(resolve(modules), "package.json"));
const load = (name) => import(pathToFileURL(require.resolve(name)).href);
const { chromium } = require("playwright-core");
const { micromark } = await load("micromark");
const { gfm, gfmHtml } = await load("micromark-extension-gfm");
mkdirSync(out, { recursive: true });

const problems = [];
const work = mkdtempSync(join(tmpdir(), "look-"));
const browser = await chromium.launchPersistentContext(join(work, "profile"), {
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    headless: true,
    args: [
        "--no-sandbox",
        "--disable-gpu",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
    ],
});

/** Opens a page, waits until it is ready, and notes whatever it does that it should not. */
async function open(file, name, { scheme = "light", width = 1100, allowed = [] } = {}) {
    const page = await browser.newPage();
    const problem = (text) => problems.push(`${name}: ${text}`);
    page.on("console", (message) => problem(`console ${message.type()}: ${message.text()}`));
    page.on("pageerror", (error) => problem(`error: ${error.message}`));
    page.on("dialog", async (dialog) => {
        problem(`dialog: ${dialog.message()}`);
        await dialog.dismiss();
    });
    const url = pathToFileURL(file).href;
    page.on("request", (request) => {
        if (request.url() !== url && !allowed.includes(request.url())) {
            problem(`asks for ${request.url()}`);
        }
    });
    await page.setViewportSize({ width, height: 800 });
    await page.emulateMedia({ colorScheme: scheme });
    await page.goto(url);
    return { page, problem };
}

const shoot = (page, name) => page.screenshot({ path: join(out, `${name}.png`), fullPage: true });

/** A page around Markdown, as GitHub makes one. It sanitizes what it shows; here, whatever is left shows as a problem. */
function around(markdown, scheme, mermaid) {
    const body = micromark(markdown, { allowDangerousHtml: true, extensions: [gfm()], htmlExtensions: [gfmHtml()] });
    const charts = body.replaceAll(
        /<pre><code class="language-mermaid">([\s\S]*?)<\/code><\/pre>/g,
        '<pre class="mermaid">$1</pre>',
    );
    const style = join(packages, "github-markdown-css", `github-markdown-${scheme}.css`);
    const theme = scheme === "dark" ? "dark" : "default";
    const text = `<!DOCTYPE html><meta charset="utf-8"><link rel="stylesheet" href="${pathToFileURL(style)}">
<style>body { margin: 0; background: ${scheme === "dark" ? "#0d1117" : "#fff"} } article { padding: 2rem; max-width: 64rem }
pre.mermaid { background: none !important; padding: 0 !important; text-align: center }</style>
<article class="markdown-body">${charts}</article>
<script src="${pathToFileURL(mermaid)}"></script>
<script>mermaid.initialize({ startOnLoad: false, securityLevel: "strict", theme: "${theme}" });
window.drawn = mermaid.run({ querySelector: ".mermaid" });</script>`;
    return { text, allowed: [style, mermaid].map((file) => pathToFileURL(file).href) };
}

const versions = readdirSync(packages)
    .filter((name) => /^mermaid(-\d+)?$/.test(name))
    .map((name) => {
        const { version } = JSON.parse(readFileSync(join(packages, name, "package.json"), "utf8"));
        return { version, file: join(packages, name, "dist", "mermaid.min.js") };
    });

async function lookAtMarkdown(file, name) {
    const markdown = readFileSync(file, "utf8");
    const wanted = markdown.split("```mermaid").length - 1;
    for (const { version, file: mermaid } of versions) {
        for (const scheme of ["light", "dark"]) {
            const about = `${name} ${scheme} mermaid ${version}`;
            const { text, allowed } = around(markdown, scheme, mermaid);
            const around_file = join(work, "page.html");
            writeFileSync(around_file, text);
            const { page, problem } = await open(around_file, about, { scheme, allowed });
            try {
                await page.evaluate(() => window.drawn);
            } catch (error) {
                problem(`Mermaid: ${error.message}`);
            }
            const charts = await page.locator(".mermaid svg").count();
            const broken = await page.locator(".mermaid svg[aria-roledescription=error]").count();
            if (charts !== wanted || broken > 0) {
                problem(`${charts} of ${wanted} charts are drawn, ${broken} of them broken`);
            }
            const stray = await page.locator("article script, article img, article iframe, article a[href^=http]").count();
            if (stray > 0) {
                problem(`${stray} elements that the summary never makes`);
            }
            await shoot(page, `${name}-${scheme}-mermaid-${version}`);
            if (version === versions[0].version) {
                await page.evaluate(() => document.querySelectorAll("details").forEach((details) => (details.open = true)));
                await shoot(page, `${name}-${scheme}-unfolded`);
            }
            await page.close();
        }
    }
}

async function lookAtHtml(file, name) {
    for (const scheme of ["light", "dark"]) {
        const { page, problem } = await open(file, `${name} ${scheme}`, { scheme });
        await shoot(page, `${name}-${scheme}`);
        if (scheme === "light") {
            await inspect(page, problem, file);
            await page.emulateMedia({ media: "print", colorScheme: "light" });
            await shoot(page, `${name}-print`);
            await page.emulateMedia({ media: "screen", colorScheme: "light", forcedColors: "active" });
            await shoot(page, `${name}-forced-colors`);
        }
        await page.close();
    }
    const { page, problem } = await open(file, `${name} narrow`, { width: 380 });
    const [inner, outer] = await page.evaluate(() => [document.documentElement.scrollWidth, window.innerWidth]);
    if (inner > outer) {
        problem(`${inner} wide in a window of ${outer}`);
    }
    await shoot(page, `${name}-narrow`);
    await page.close();
}

/** What an HTML report has to hold for those who do not see it, and the numbers of the JSON report. */
async function inspect(page, problem, file) {
    const found = await page.evaluate(() => {
        const all = (selector) => [...document.querySelectorAll(selector)];
        const named = (svg) =>
            (svg.getAttribute("aria-labelledby") ?? "").split(" ").every((id) => document.getElementById(id)?.textContent);
        const ids = all("[id]").map((element) => element.id);
        return {
            charts: all("svg[role=img]").length,
            nameless: all("svg[role=img]").filter((svg) => !named(svg)).length,
            silent: all("svg:not([role=img]):not([aria-hidden=true])").length,
            headless: all("table").filter((table) => !table.caption || !table.querySelector("th[scope]")).length,
            twice: ids.filter((id, n) => ids.indexOf(id) !== n),
            lost: all("a[href]").filter((a) => !document.querySelector(a.getAttribute("href"))).length,
            language: document.documentElement.lang,
            styled: getComputedStyle(document.body).maxWidth !== "none",
            hovers: all("svg[role=img] g.at > title").length,
            scripts: document.scripts.length,
            text: document.body.textContent,
        };
    });
    for (const [name, bad] of Object.entries({
        "charts without a name": found.nameless,
        "pictures neither named nor hidden": found.silent,
        "tables without caption or headings": found.headless,
        "ids that are there twice": found.twice.length,
        "links to nowhere": found.lost,
        scripts: found.scripts,
    })) {
        if (bad > 0) {
            problem(`${bad} ${name}`);
        }
    }
    if (!found.styled || found.language !== "en") {
        problem("no style or no language");
    }
    const json = join(dirname(file), `${basename(file, ".html")}.json`);
    if (!existsSync(json)) {
        return;
    }
    const report = JSON.parse(readFileSync(json, "utf8"));
    const told = (value) => (typeof value === "number" ? value.toLocaleString("en-US") : String(value ?? "unknown"));
    for (const task of report.tasks) {
        const wanted = [task["task-id"], task.result, told(task.offset), task["task-status"] ?? ""];
        wanted.push(...task.events.items.map(({ text }) => text.replaceAll("`", "")));
        for (const text of wanted.filter((text) => !found.text.includes(text))) {
            problem(`task ${task["task-id"]}: "${text}" is not there`);
        }
        if (task.readings.items.length > 1 && task.offset !== null && found.hovers === 0) {
            problem(`task ${task["task-id"]}: no values to point at`);
        }
    }
}

for (const file of files) {
    const name = `${basename(dirname(resolve(file)))}-${basename(file).replace(/\.\w+$/, "")}`;
    if (file.endsWith(".html")) {
        await lookAtHtml(resolve(file), name);
    } else {
        await lookAtMarkdown(resolve(file), name);
    }
}
await browser.close();
rmSync(work, { recursive: true });
for (const problem of problems) {
    console.error(problem);
}
console.log(`look: ${files.length} files, ${problems.length} problems, pictures in ${out}`);
process.exit(problems.length === 0 ? 0 : 1);
