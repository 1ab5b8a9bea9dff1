// The parts of the packages that web/explore/assets/explore.js imports. They are bundled once; the script is not.
export { useGraphiQL, useGraphiQLActions } from "@graphiql/react";
export { GraphiQL } from "graphiql";
export { parse } from "graphql";
export { createElement, useState } from "react";
export { createRoot } from "react-dom/client";
