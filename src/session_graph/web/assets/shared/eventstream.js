/**
 * Reads server-sent events, for every page. The pages use fetch, as an EventSource can send no key.
 */

/** @param {Response} response */
export const isEventStream = (response) =>
  response.ok && Boolean(response.headers.get("Content-Type")?.startsWith("text/event-stream"));

/**
 * Yields the events of a response, parsed as the HTML standard says; a comment is an event named "comment". Ends with
 * the response, and cancels it if the caller stops before that.
 * @param {Response} response
 * @returns {AsyncGenerator<{ event: string, data: string }>}
 */
export async function* readEvents({ body }) {
  if (!body) return;
  const decoder = new TextDecoder();
  const reader = body.getReader();
  let rest = "";
  /** @type {{ event: string, data: string[] }} */
  let current = { event: "message", data: [] };
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      rest += decoder.decode(value, { stream: true });
      const ends = rest.endsWith("\r") ? rest.length - 1 : rest.length; // its \n may be still to come
      const lines = rest.slice(0, ends).split(/\r\n|\r|\n/);
      rest = lines.pop() + rest.slice(ends);
      for (const line of lines) {
        const [, name, text = ""] = /^([^:]*)(?:: ?)?(.*)$/s.exec(line) ?? [];
        if (line.startsWith(":")) yield { event: "comment", data: text };
        else if (name === "event") current.event = text;
        else if (name === "data") current.data.push(text);
        else if (line === "") {
          if (current.data.length || current.event === "complete")
            yield { event: current.event, data: current.data.join("\n") };
          current = { event: "message", data: [] };
        }
      }
    }
  } finally {
    await reader.cancel().catch(() => {});
  }
}
