import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { gzip } from "node:zlib";
import { defineConfig } from "vite";

const compress = promisify(gzip);

// Beside each asset its compressed form: a page of seven megabytes becomes one of two, and no request waits for it.
const compressed = {
  name: "compressed",
  async writeBundle({ dir }) {
    const folder = join(dir, "graphiql");
    for (const name of await readdir(folder)) {
      if (/\.(css|js|svg)$/.test(name)) {
        const path = join(folder, name);
        await writeFile(`${path}.gz`, await compress(await readFile(path), { level: 9 }));
      }
    }
  },
};

export default defineConfig({
  // The page is served as …/graphql and its assets as …/graphiql/NAME, wherever a proxy puts the two.
  base: "./",
  build: {
    assetsDir: "graphiql",
    assetsInlineLimit: 0, // no data: URL where the page's policy would have to allow it
    chunkSizeWarningLimit: 10_000, // kilobytes: the editor is what it is
    emptyOutDir: true,
    modulePreload: { polyfill: false },
    target: "es2022",
  },
  worker: { format: "es" },
  plugins: [compressed],
});
