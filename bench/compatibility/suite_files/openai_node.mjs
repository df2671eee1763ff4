// What users of OpenAI's JavaScript client do with it, and what the client makes of the answers.
import assert from "node:assert/strict";
import { test } from "node:test";
import OpenAI from "openai";

const model = process.env.COMPATIBILITY_MODEL;
const options = { baseURL: `${process.env.COMPATIBILITY_URL}/v1`, apiKey: process.env.COMPATIBILITY_KEY ?? "none", maxRetries: 0, timeout: 60_000 };
const client = new OpenAI(options);
const fields = { model, messages: [{ role: "user", content: "Name a colour." }], max_tokens: 8, temperature: 0 };
const city = { type: "string", enum: ["Rome", "Oslo"] };
const parameters = { type: "object", properties: { city }, required: ["city"], additionalProperties: false };
// A model this small needs to be held to the form.
const tools = [{ type: "function", function: { name: "weather", strict: true, parameters } }];
const tool_choice = { type: "function", function: { name: "weather" } };

test("a chat", async () => {
  const answer = await client.chat.completions.create(fields);
  assert.ok(answer.choices[0].message.content);
  assert.ok(answer.usage.completion_tokens <= 8);
});

test("a streamed chat", async () => {
  const whole = await client.chat.completions.create(fields);
  let said = "";
  let usage;
  for await (const piece of await client.chat.completions.create({
    ...fields, stream: true, stream_options: { include_usage: true },
  })) {
    said += piece.choices[0]?.delta.content ?? "";
    usage = piece.usage ?? usage;
  }
  assert.equal(said, whole.choices[0].message.content);
  assert.equal(usage.total_tokens, whole.usage.total_tokens);
});

test("the helper for streams", async () => {
  const stream = client.chat.completions.stream(fields);
  assert.ok((await stream.finalChatCompletion()).choices[0].message.content);
});

test("a demanded tool", async () => {
  const answer = await client.chat.completions.create({ ...fields, max_tokens: 40, tools, tool_choice });
  assert.equal(answer.choices[0].message.tool_calls[0].function.name, "weather");
});

test("a form that is demanded", async () => {
  const schema = { type: "object", properties: { red: { type: "boolean" } }, required: ["red"] };
  const answer = await client.chat.completions.create({
    ...fields, max_tokens: 40, response_format: { type: "json_schema", json_schema: { name: "colour", schema } },
  });
  assert.equal(typeof JSON.parse(answer.choices[0].message.content).red, "boolean");
});

test("a completion", async () => {
  const answer = await client.completions.create({ model, prompt: "One,", max_tokens: 4 });
  assert.equal(answer.object, "text_completion");
});

test("a response", async () => {
  const answer = await client.responses.create({ model, input: "Name a colour.", max_output_tokens: 16 });
  assert.ok(answer.output_text);
});

test("a streamed response", async () => {
  const kinds = [];
  for await (const event of await client.responses.create({
    model, input: "Name a colour.", max_output_tokens: 16, stream: true,
  })) kinds.push(event.type);
  assert.equal(kinds[0], "response.created");
  assert.ok(kinds.includes("response.output_text.delta"));
});

test("models", async () => {
  const listed = [];
  for await (const each of client.models.list()) listed.push(each.id);
  assert.ok(listed.includes(model));
  assert.equal((await client.models.retrieve(model)).id, model);
});

test("what is not there is not found", async () => {
  await assert.rejects(client.chat.completions.create({ ...fields, model: "another" }), OpenAI.NotFoundError);
  await assert.rejects(client.models.retrieve("another"), OpenAI.NotFoundError);
});

test("what is wrong is a bad request", async () => {
  for (const wrong of [{ temperature: -1 }, { max_tokens: -1 }, { messages: [] }, { messages: "hi" }, { top_p: 7 }])
    await assert.rejects(client.chat.completions.create({ ...fields, ...wrong }), OpenAI.BadRequestError);
});

test("the id of a request", async () => {
  assert.ok((await client.chat.completions.create(fields))._request_id);
});

test("raw answers", async () => {
  const raw = await client.chat.completions.create(fields).asResponse();
  assert.equal(raw.headers.get("content-type"), "application/json");
  assert.ok((await raw.json()).choices);
});

test("a stream that is left early", async () => {
  const stream = await client.chat.completions.create({ ...fields, max_tokens: 200, stream: true });
  for await (const _ of stream) break;
  assert.ok((await client.chat.completions.create(fields)).choices);
});

test("a stream that is aborted", async () => {
  const stream = await client.chat.completions.create({ ...fields, max_tokens: 200, stream: true });
  stream.controller.abort();
  assert.ok((await client.chat.completions.create(fields)).choices);
});

test("a time limit", async () => {
  const asked = client.chat.completions.create({ ...fields, max_tokens: 1000 }, { timeout: 50 });
  await assert.rejects(asked, OpenAI.APIConnectionTimeoutError);
});

test("many at once", async () => {
  const answers = await Promise.all(Array.from({ length: 8 }, () => client.chat.completions.create(fields)));
  assert.ok(answers.every((answer) => answer.choices[0].message.content));
});
