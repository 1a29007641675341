// Nanoseconds per item of the hand-written codecs and of the generated ones, in alternating rounds of
// one process. Run `npm run build` first, then `npm run bench`. Compare the two columns of one run only.
import * as proto from '../dist/index.js';

const items = 256;
const rounds = 15;
const messagesPerRound = 200;
const opId = {
  session: new Uint8Array(16).fill(7),
  startedAt: 2 ** 42,
  seq: 1000,
  firstIncomplete: 900,
};
const key = new Uint8Array(16).fill(65);
const value = new Uint8Array(100).fill(66);
const clusterId = new Uint8Array(16).fill(1);
const header = {
  clusterId,
  nodeId: 1,
  partitionId: 2,
  revision: 123_456,
  term: 3,
  appliedIndex: 99_999,
  logTime: 2 ** 50,
  served: 1,
  ageMs: 0,
};
const none = () => {};

const writer = new proto.PipeRequestWriter();
const handRequest = () => {
  writer.begin(1000, clusterId);
  for (let i = 0; i < items; i++) {
    writer.addCommand(5000, 2, 3, false, proto.encodePut(opId, key, value));
  }
  return writer.finish();
};
const generatedRequest = () => {
  const list = [];
  for (let i = 0; i < items; i++) {
    const put = { $case: 'put', value: { key, value } };
    const command = proto.Command.encode({ opId, operation: put }).finish();
    const op = { $case: 'command', value: command };
    list.push({ timeoutMs: 5000, partitionId: 2, epochVersion: 3, resend: false, op });
  }
  const message = { firstId: 1000, clusterId, items: list, cancelIds: [] };
  return proto.PipeRequest.encode(message).finish();
};
const request = handRequest();
const view = new proto.CommandView();
let sum = 0;
const requestVisitor = {
  begin: none,
  item: (_id, _timeoutMs, _partition, _epoch, _resend, _op, start, end) => {
    proto.readCommand(request, start, end, view);
    sum += view.keyEnd - view.keyStart;
  },
  invalid: none,
  cancel: none,
};
const handRequestRead = () => proto.readPipeRequest(request, requestVisitor);
const generatedRequestRead = () => {
  for (const { op } of proto.PipeRequest.decode(request).items) {
    sum += proto.Command.decode(op.value).operation.value.key.length;
  }
};

const responseWriter = new proto.PipeResponseWriter();
const handResponse = () => {
  for (let i = 0; i < items; i++) responseWriter.addWrite(1000 + i, header, 123_456 + i, false);
  return responseWriter.finish();
};
const generatedResponse = () => {
  const results = [];
  for (let i = 0; i < items; i++) {
    const write = { $case: 'write', value: { revision: 123_456 + i, resultNotKept: false } };
    results.push({ id: 1000 + i, header: 0, result: write });
  }
  return proto.PipeResponse.encode({ results, headers: [header] }).finish();
};
const response = handResponse();
const responseVisitor = {
  begin: none,
  write: (_id, _header, revision) => {
    sum += revision;
  },
  get: none,
  error: none,
  unknown: none,
};
const handResponseRead = () => proto.readPipeResponse(response, responseVisitor);
const generatedResponseRead = () => {
  for (const { result } of proto.PipeResponse.decode(response).results)
    sum += result.value.revision;
};

function nsPerItem(run) {
  const begin = process.hrtime.bigint();
  for (let i = 0; i < messagesPerRound; i++) run();
  return Number(process.hrtime.bigint() - begin) / (messagesPerRound * items);
}

const median = (list) => list.sort((a, b) => a - b)[list.length >> 1];

console.log(
  `node ${process.version}, ${items} items a message, 16 B keys, 100 B values, median of ${rounds}`,
);
console.log('ns per item'.padEnd(34), 'by hand'.padStart(8), 'generated'.padStart(10));
for (const [name, hand, generated] of [
  ['put: command and Pipe item, written', handRequest, generatedRequest],
  ['put: Pipe item and command, read', handRequestRead, generatedRequestRead],
  ['answer to a put, written', handResponse, generatedResponse],
  ['answer to a put, read', handResponseRead, generatedResponseRead],
]) {
  nsPerItem(hand);
  nsPerItem(generated);
  const pairs = Array.from({ length: rounds }, () => [nsPerItem(hand), nsPerItem(generated)]);
  const [ours, theirs] = [0, 1].map((side) => median(pairs.map((pair) => pair[side])).toFixed(0));
  console.log(name.padEnd(34), ours.padStart(8), theirs.padStart(10));
}
if (sum === 0) process.exitCode = 1;
