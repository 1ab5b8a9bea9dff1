import js from "@eslint/js";

export default [
  js.configs.recommended,
  {
    rules: {
      "max-lines": ["error", 400],
      "max-lines-per-function": ["error", 50],
      "no-undef": "off", // tsc knows what is defined
      "no-unused-vars": ["error", { ignoreRestSiblings: true, varsIgnorePattern: "^_$" }],
    },
  },
];
