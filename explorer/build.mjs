// Bundle GraphiQL, its styles and its editor's workers into the folder `bundle`. A failed build leaves the old one.
import { build } from "esbuild";
import { copyFile, rename, rm } from "node:fs/promises";

const PART = "bundle.part";
const common = {
  bundle: true,
  minify: true,
  outdir: PART,
  target: "es2022",
  logLevel: "warning",
  legalComments: "eof",
};

await rm(PART, { recursive: true, force: true });
await build({
  ...common,
  entryPoints: ["graphiql.js"],
  format: "esm",
  splitting: true,
  chunkNames: "chunks/[name]-[hash]",
  define: { "process.env.NODE_ENV": '"production"' },
  loader: { ".css": "empty" }, // the package's own style sheet has them all
});
await build({
  ...common,
  entryPoints: {
    "editor.worker": "monaco-editor/esm/vs/editor/editor.worker.js",
    "graphql.worker": "monaco-graphql/esm/graphql.worker.js",
    "json.worker": "monaco-editor/esm/vs/language/json/json.worker.js",
  },
  format: "iife",
});
await copyFile("node_modules/graphiql/dist/style.css", `${PART}/graphiql.css`);
await rm("bundle", { recursive: true, force: true });
await rename(PART, "bundle");
