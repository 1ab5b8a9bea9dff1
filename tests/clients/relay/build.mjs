// Bundle main.js for Node, with each graphql`…` replaced by what relay-compiler made of it: node relay/build.mjs
import { transformFileAsync } from "@babel/core";
import { build } from "esbuild";

const options = { artifactDirectory: ".build/relay", eagerEsModules: true };

await build({
  entryPoints: ["relay/main.js"],
  outfile: ".build/relay.mjs",
  bundle: true,
  format: "esm",
  platform: "node",
  packages: "external",
  plugins: [
    {
      name: "relay",
      setup: ({ onLoad }) =>
        onLoad({ filter: /relay\/main\.js$/ }, async ({ path }) => ({
          contents: (await transformFileAsync(path, { plugins: [["relay", options]] })).code,
        })),
    },
  ],
});
