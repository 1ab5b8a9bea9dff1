// What the page's own script uses of the packages. It is bundled once; the script itself needs no bundling.
export { useGraphiQL, useGraphiQLActions } from "@graphiql/react";
export { GraphiQL } from "graphiql";
export { parse } from "graphql";
export { createElement, useState } from "react";
export { createRoot } from "react-dom/client";
