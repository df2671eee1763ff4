// The proxy over HTTP, with the administrator's key. The key lives in this tab's session storage and nowhere else.
const STORED = "lethe-key";

export class Fault extends Error {}

export const hasKey = () => sessionStorage.getItem(STORED) !== null;
export const forgetKey = () => sessionStorage.removeItem(STORED);

export async function openSession(key) {
  const before = sessionStorage.getItem(STORED);
  if (key !== undefined) sessionStorage.setItem(STORED, key);
  try {
    return await get("console/api/session");
  } catch (fault) {
    if (before === null || key === undefined) forgetKey();
    else sessionStorage.setItem(STORED, before);
    throw fault;
  }
}

async function ask(path, options = {}) {
  const headers = { Authorization: `Bearer ${sessionStorage.getItem(STORED)}` };
  if (options.body !== undefined) headers["Content-Type"] = "application/json";
  const answer = await fetch(path, { ...options, headers, credentials: "omit", cache: "no-store" });
  if (answer.ok) return answer;
  let message = `The proxy answered ${answer.status}.`;
  try {
    message = (await answer.json()).error.message;
  } catch {
    // What is between here and the proxy may answer in words of its own.
  }
  if (answer.status === 401) {
    // What it says is for programs.
    message = "The proxy has no such key, or it is no longer valid.";
    dispatchEvent(new Event("lethe:key-refused"));
  }
  throw new Fault(message);
}

export const get = async (path) => (await ask(path)).json();
export const getBlob = async (path) => (await ask(path)).blob();
export const post = async (path, body = {}, signal) =>
  (await ask(path, { method: "POST", body: JSON.stringify(body), signal })).json();

export const put = async (path, body) => (await ask(path, { method: "PUT", body: JSON.stringify(body) })).json();
export const remove = async (path) => (await ask(path, { method: "DELETE" })).json();

/** Ask for a streamed chat completion; gives the text as it comes, and tells the request's id. */
export async function* stream(path, body, signal, onId) {
  const answer = await ask(path, { method: "POST", body: JSON.stringify(body), signal });
  onId(answer.headers.get("X-Request-Id"));
  if (!answer.headers.get("Content-Type").startsWith("text/event-stream")) {
    yield (await answer.json()).choices[0].message.content;
    return;
  }
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let pending = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const lines = (pending + value).split("\n");
    pending = lines.pop();
    for (const line of lines) {
      if (!line.startsWith("data: ") || line.startsWith("data: [DONE]")) continue;
      const event = JSON.parse(line.slice(6));
      if (event.error) throw new Fault(event.error.message);
      const text = event.choices[0]?.delta?.content;
      if (text) yield text;
    }
  }
}
