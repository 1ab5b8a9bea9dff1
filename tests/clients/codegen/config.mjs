// Generate typed documents: graphql-codegen --config codegen/config.mjs
const { SERVER, KEY } = process.env;

export default {
  schema: { [`${SERVER}/graphql`]: { headers: { Authorization: `Bearer ${KEY}` }, oneOf: true, specifiedByUrl: true } },
  documents: "operations.graphql",
  generates: {
    ".build/codegen/": {
      preset: "client",
      presetConfig: { fragmentMasking: false, persistedDocuments: { hashAlgorithm: "sha256" } },
      config: {
        documentMode: "string",
        enumsAsTypes: true,
        scalars: {
          BigInt: "number",
          DateTime: "string",
          Decimal: "string",
          JSON: "unknown",
          StringMap: "Record<string, string>",
          WorkingHours: "Record<string, [string, string][]>",
        },
        strictScalars: true,
        useTypeImports: true,
      },
    },
  },
};
