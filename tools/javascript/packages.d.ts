// Packages that the scripts use and that are not installed for the check: what comes from them is not checked.
declare module "@graphiql/react";
declare module "esbuild";
declare module "fastify";
declare module "graphiql";
declare module "graphql";
declare module "mercurius";
declare module "pg";
declare module "postgraphile*";
declare module "react";
declare module "react-dom/client";
