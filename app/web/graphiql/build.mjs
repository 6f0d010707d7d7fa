// Builds GraphiQL into dist/ beside this file, unless what is there was built from the same sources: `node build.mjs`.
//
// What was there stays until the new one is complete. Packages are installed as package-lock.json has them, and none of
// their scripts are run. With --quiet only a line about the progress is printed, and what is wrong. Status 1: it could not
// be built.

import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";

const folder = import.meta.dirname;
const dist = join(folder, "dist");
const stamp = join(dist, "stamp");
const quiet = process.argv.includes("--quiet");
const PATIENCE = 300_000; // milliseconds for a step: a registry that is silent must not hold up `make run` for ever

const wanted = fingerprint();
if (existsSync(stamp) && readFileSync(stamp, "utf8") === wanted) {
  if (!quiet) console.log("GraphiQL is up to date.");
} else {
  console.log("Building GraphiQL, once: about a minute …");
  build();
}

function build() {
  const draft = mkdtempSync(join(folder, "dist-"));
  try {
    npm("ci", "--ignore-scripts", "--no-audit", "--no-fund", "--fetch-retries=1");
    npm("run", "build", "--", "--outDir", draft);
    writeFileSync(join(draft, "stamp"), wanted);
    rmSync(dist, { recursive: true, force: true });
    renameSync(draft, dist);
  } catch (error) {
    rmSync(draft, { recursive: true, force: true });
    console.error(`GraphiQL could not be built: ${error.message}`);
    process.exit(1);
  }
}

/** Runs the npm that came with this node, else the one on the path; and what it runs finds this node first. */
function npm(...args) {
  const own = join(dirname(process.execPath), "..", "lib", "node_modules", "npm", "bin", "npm-cli.js");
  const [command, ...rest] = existsSync(own) ? [process.execPath, own, ...args] : ["npm", ...args];
  const env = { ...process.env, PATH: `${dirname(process.execPath)}${delimiter}${process.env.PATH}` };
  const done = spawnSync(command, rest, { cwd: folder, env, encoding: "utf8", timeout: PATIENCE });
  if (done.error) throw done.error;
  if (done.status !== 0) {
    const said = `${done.stdout}${done.stderr}`.trim();
    throw new Error(quiet ? said.split("\n").find((line) => /error/i.test(line)) ?? said : said);
  }
}

/** Of everything that the result is made of, in a fixed order. */
function fingerprint() {
  const hash = createHash("sha256");
  const own = readdirSync(folder).filter((name) => !/^(dist|node_modules|\.)/.test(name));
  const below = readdirSync(join(folder, "src"), { recursive: true, withFileTypes: true });
  const inner = below.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  for (const path of [...own.filter((name) => name !== "src").map((name) => join(folder, name)), ...inner].sort()) {
    hash.update(path.slice(folder.length)).update("\0").update(readFileSync(path)).update("\0");
  }
  return hash.digest("hex");
}
