// What hostile clients do, and the refusals that are right for it. As a process of its own, `attacks.mjs PORT SHARE MAX`:
// runs every attack that it is told to against a port and says what came of it.

import { randomBytes } from 'node:crypto';
import { deflateRawSync } from 'node:zlib';
import { sleep } from './process.mjs';
import { BINARY, CONTINUATION, PING, PONG, Peer, TEXT, frame, head, polling, upgradeHead, websocket } from './peer.mjs';

/** What a request is answered with, sent byte for byte. */
async function asked(port, bytes) {
  const peer = new Peer(port);
  await peer.write(bytes);
  const status = await peer.status();
  peer.destroy();
  return status;
}

/** How a websocket ends that sends these messages. */
async function said(port, messages, options) {
  const peer = await websocket(port, options);
  for (const message of messages) await peer.write(Buffer.isBuffer(message) ? message : frame(TEXT, message));
  const end = await peer.end();
  peer.destroy();
  return end;
}

/** Whether a websocket still answers after it sent these messages. */
async function survives(port, messages) {
  const peer = await websocket(port);
  for (const message of messages) await peer.write(Buffer.isBuffer(message) ? message : frame(TEXT, message));
  await peer.write(frame(TEXT, '421["unsubscribe",{"topics":["drones-update"]}]'));
  const answer = await peer.until((read) => (read.includes('431[') ? 'goes on' : undefined));
  const end = answer ?? await peer.end();
  peer.destroy();
  return end;
}

/** The status of a POST into a polling session, and whether the session is alive afterwards. */
async function posted(port, body, { length = Buffer.byteLength(body), headers = '' } = {}) {
  const sid = await polling(port);
  return asked(port, Buffer.concat([Buffer.from(head('POST', `/socket.io/?EIO=4&transport=polling&sid=${sid}`, `Content-Type: text/plain;charset=UTF-8\r\nContent-Length: ${length}\r\n${headers}`)), Buffer.from(body)]));
}

/** Writes until the server has had enough: how it ends. */
async function floods(peer, bytes, times) {
  for (let i = 0; i < times && !peer.isClosed; i += 1) await peer.write(bytes);
  const end = await peer.end();
  peer.destroy();
  return end;
}

const command = (more, port) => asked(port, `${head('POST', '/api/command', `Content-Type: application/json\r\nContent-Length: ${Buffer.byteLength(more)}\r\n`)}${more}`);
const deep = (n) => '['.repeat(n) + ']'.repeat(n);

/** 64 MiB in 64 KiB; made once, since making it takes longer than all that comes of it. */
let made;
const bomb = () => (made ??= frame(TEXT, deflateRawSync(Buffer.alloc(1 << 26, 'x'), { finishFlush: 2 }).subarray(0, -4), { reserved: 4 }));

/** `times` is how often it is done in the short run, `right` which outcomes are right. What takes its time is done all at once. */
export const attacks = [
  { what: 'transport=__proto__', times: 50, right: ['400'], run: (port) => asked(port, head('GET', '/socket.io/?EIO=4&transport=__proto__')) },
  { what: 'a parameter twice', times: 20, right: ['400'], run: (port) => asked(port, head('GET', '/socket.io/?EIO=4&transport=polling&transport=websocket')) },
  { what: 'a foreign Origin over websocket', times: 50, right: ['403'], run: (port) => asked(port, upgradeHead('', 'Origin: https://evil.example\r\n')) },
  { what: 'a foreign Origin over polling', times: 20, right: ['403'], run: (port) => asked(port, head('GET', '/socket.io/?EIO=4&transport=polling', 'Origin: https://evil.example\r\n')) },
  { what: 'a live sid with another EIO', times: 10, right: ['400'], async run(port) {
    const sid = await polling(port);
    return asked(port, head('GET', `/socket.io/?EIO=3&transport=polling&sid=${sid}`));
  } },
  { what: 'a sid that was never given', times: 50, right: ['400'], run: (port) => asked(port, head('GET', `/socket.io/?EIO=4&transport=polling&sid=${randomBytes(15).toString('hex')}`)) },
  { what: 'a POST larger than the limit', times: 10, right: ['413'], run: (port) => posted(port, '4', { length: 1_500_000 }) },
  { what: 'the same in chunks', times: 10, right: ['413'], async run(port) {
    const sid = await polling(port);
    const peer = new Peer(port);
    await peer.write(head('POST', `/socket.io/?EIO=4&transport=polling&sid=${sid}`, 'Content-Type: text/plain\r\nTransfer-Encoding: chunked\r\n'));
    const chunk = `10000\r\n${'4'.repeat(0x10000)}\r\n`;
    for (let i = 0; i < 24; i += 1) await peer.write(chunk);
    const status = await peer.status();
    peer.destroy();
    return status;
  } },
  { what: 'a third of a million packets in one POST', times: 3, right: ['200', '400'], run: (port) => posted(port, Array(333_000).fill('3').join('\x1e')) },
  { what: 'a frame that declares 2^40 bytes', times: 20, right: ['1009'], run: (port) => said(port, [frame(TEXT, 'x', { length: 2n ** 40n })]) },
  { what: 'a frame that declares 2^63 bytes', times: 20, right: ['1002', '1009'], run: (port) => said(port, [frame(TEXT, 'x', { length: 2n ** 63n })]) },
  { what: 'endless continuation frames', times: 3, right: ['1008', 'closed'], async run(port) {
    const peer = await websocket(port);
    await peer.write(frame(TEXT, '42', { fin: false }));
    return floods(peer, Buffer.concat(Array(64).fill(frame(CONTINUATION, 'x'.repeat(100), { fin: false }))), 4000);
  } },
  { what: 'endless empty continuation frames', times: 3, right: ['1008', 'closed'], async run(port) {
    const peer = await websocket(port);
    await peer.write(frame(TEXT, '', { fin: false }));
    return floods(peer, Buffer.concat(Array(512).fill(frame(CONTINUATION, '', { fin: false }))), 4000);
  } },
  { what: 'a ping flood from a peer that does not read', times: 2, right: ['closed', '1008'], async run(port) {
    const peer = await websocket(port);
    peer.socket.pause();
    for (let i = 0; i < 3000 && !peer.isClosed; i += 1) await peer.write(Buffer.concat(Array(200).fill(frame(PING, 'x'.repeat(100)))));
    peer.socket.resume();
    return peer.end();
  } },
  { what: 'a flood of pongs', times: 2, right: ['goes on', '1008'], run: (port) => survives(port, [Buffer.concat(Array(5000).fill(frame(PONG, 'x')))]) },
  { what: 'bytes behind the upgrade request in the same segment', times: 20, right: ['heard'], async run(port) {
    const peer = new Peer(port);
    await peer.write(Buffer.concat([Buffer.from(upgradeHead()), frame(TEXT, '40')]));
    const heard = await peer.until((read) => (read.includes('40{"sid"') ? 'heard' : undefined));
    const status = heard ?? await peer.status();
    peer.destroy();
    return status;
  } },
  { what: 'RST in mid-upgrade', times: 20, right: ['lives'], async run(port) {
    const sid = await polling(port);
    const peer = new Peer(port);
    await peer.write(Buffer.concat([Buffer.from(upgradeHead(`&sid=${sid}`)), frame(TEXT, '2probe')]));
    peer.reset();
    const answer = await fetch(`http://127.0.0.1:${port}/socket.io/?EIO=4&transport=polling&sid=${sid}`, { method: 'POST', body: '40' });
    return answer.status === 200 ? 'lives' : String(answer.status);
  } },
  { what: 'sessions that are opened and left', times: 100, right: ['opened'], run: (port) => polling(port).then(() => 'opened') },
  { what: 'websockets that never CONNECT and are cut', times: 40, right: ['opened'], async run(port) {
    const peer = await websocket(port, { joins: false });
    peer.reset();
    return 'opened';
  } },
  { what: 'connections that say nothing, or a byte at a time', times: 40, right: ['closed', '408'], async run(port, nth) {
    const peer = new Peer(port);
    const words = nth % 2 ? '' : head('GET', '/api/health', 'X: '.padEnd(400, 'x'));
    for (const byte of words) {
      if (peer.isClosed || peer.read.length) break;
      await peer.write(byte);
      await sleep(100);
    }
    return peer.status({ within: 90_000 });
  }, isSlow: true },
  { what: 'attachments: 0 announced', times: 10, right: ['1002'], run: (port) => said(port, ['450-["x"]']) },
  { what: 'attachments: 11 announced', times: 10, right: ['1002'], run: (port) => said(port, ['4511-["x"]']) },
  { what: 'attachments: 10^9 announced', times: 10, right: ['1002'], run: (port) => said(port, ['451000000000-["x"]']) },
  ...[['out of range', 7], ['negative', -1], ['fractional', 0.5], ['named', '"a"']].map(([kind, num]) => (
    { what: `a placeholder ${kind}`, times: 5, right: ['1002'], run: (port) => said(port, [`451-["message",{"_placeholder":true,"num":${num}}]`, frame(BINARY, 'x')]) })),
  { what: 'attachments before CONNECT', times: 10, right: ['1002'], run: (port) => said(port, ['451-["message",{"_placeholder":true,"num":0}]', frame(BINARY, 'x')], { joins: false }) },
  { what: 'an attachment that nobody announced', times: 10, right: ['1002'], run: (port) => said(port, [frame(BINARY, 'x')]) },
  { what: 'a packet between attachments', times: 10, right: ['1002'], run: (port) => said(port, ['451-["message",{"_placeholder":true,"num":0}]', '42["message",1]']) },
  ...['connect', 'connect_error', 'disconnect', 'disconnecting', 'newListener', 'removeListener'].map((name) => (
    { what: `the reserved event ${name}`, times: 3, right: ['1002'], run: (port) => said(port, [`42["${name}"]`]) })),
  { what: 'an event name that is an object', times: 10, right: ['1002'], run: (port) => said(port, ['42[{"a":1}]']) },
  { what: 'JSON 100,000 deep', times: 5, right: ['1002'], run: (port) => said(port, [`42["message",${deep(100_000)}]`]) },
  { what: '100,000 namespaces', times: 2, right: ['1000', '1008', 'closed'], async run(port) {
    const peer = await websocket(port);
    const many = (from) => Buffer.concat(Array.from({ length: 500 }, (_, i) => frame(TEXT, `40/n${from + i},`)));
    for (let i = 0; i < 200 && !peer.isClosed; i += 1) await peer.write(many(i * 500));
    return peer.end();
  } },
  { what: '100,000 topics', times: 2, right: ['1008', '1009', 'goes on'], run: (port) => survives(port, [`42["subscribe",{"topics":${JSON.stringify(Array.from({ length: 100_000 }, (_, i) => `t${i}`))}}]`]) },
  { what: 'an ack id of -1', times: 10, right: ['1002'], run: (port) => said(port, ['42-1["message"]']) },
  { what: 'an ack id of 2^63', times: 10, right: ['1002'], run: (port) => said(port, ['429223372036854775808["message"]']) },
  { what: 'acks that nobody asked for', times: 5, right: ['goes on'], run: (port) => survives(port, Array.from({ length: 500 }, (_, i) => `43${i}[]`)) },
  { what: 'a decompression bomb', times: 3, right: ['1009'], run: (port) => said(port, [bomb()], { headers: 'Sec-WebSocket-Extensions: permessage-deflate\r\n' }) },
  { what: 'compressed without having agreed to it', times: 10, right: ['1002'], run: (port) => said(port, [frame(TEXT, deflateRawSync('42["x"]'), { reserved: 4 })]) },
  { what: 'invalid UTF-8', times: 10, right: ['1007'], run: (port) => said(port, [frame(TEXT, Buffer.from([0x34, 0x32, 0xff, 0xfe]))]) },
  { what: 'invalid base64', times: 10, right: ['400'], run: (port) => posted(port, 'b@@@@') },
  { what: '2,000 headers', times: 10, right: ['400', '431', 'closed'], run: (port) => asked(port, head('GET', '/api/health', Array.from({ length: 2000 }, (_, i) => `X-${i}: y\r\n`).join(''))) },
  { what: '50,000 spaces in a header', times: 10, right: ['200', '400', '431', 'closed'], run: (port) => asked(port, head('GET', '/api/health', `X: a${' '.repeat(50_000)}b\r\n`)) },
  { what: 'two lengths of one body', times: 10, right: ['400', 'closed'], run: (port) => asked(port, `${head('POST', '/api/command', 'Content-Length: 5\r\nTransfer-Encoding: chunked\r\n')}0\r\n\r\n`) },
  { what: 'a command that is not JSON', times: 20, right: ['400'], run: (port) => command('{"command":', port) },
  { what: 'a command 100,000 deep', times: 5, right: ['400', '413'], run: (port) => command(`{"command":${deep(100_000)}}`, port) },
  { what: 'a goal of 1e999 m', times: 20, right: ['400', '422'], run: (port) => command('{"command":"goto","targets":"all","params":{"position":[1e999,0,0]}}', port) },
  { what: 'a command as a form', times: 10, right: ['400', '415'], run: (port) => asked(port, `${head('POST', '/api/command', 'Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 12\r\n')}command=hold`) },
  { what: 'a command from a foreign page', times: 10, right: ['403'], run: (port) => asked(port, `${head('POST', '/api/command', 'Origin: https://evil.example\r\nContent-Type: application/json\r\nContent-Length: 2\r\n')}{}`) },
  { what: 'a path out of the console', times: 10, right: ['400', '404', '200'], run: (port) => asked(port, head('GET', '/assets/..%2f..%2f..%2fetc%2fpasswd')) },
  // Each would wait in the outbox of everyone else.
  { what: '100 messages of 60 kB to everyone at once', times: 2, right: ['rate_limited'], async run(port) {
    const peer = await websocket(port);
    const text = 'x'.repeat(60_000);
    for (let i = 0; i < 100; i += 1) await peer.write(frame(TEXT, `42${i}["message","${text}"]`));
    const answer = await peer.until((read) => (read.includes('rate_limited') ? 'rate_limited' : undefined)).catch(() => 'silence');
    peer.destroy();
    return answer ?? 'closed';
  } },
  // On a busy machine they are answered one after the other, more slowly than the limit.
  { what: '5,000 commands at once', times: 1, right: ['rate_limited', 'held back'], async run(port) {
    const peer = await websocket(port);
    await peer.write(Buffer.concat(Array.from({ length: 5000 }, (_, i) => frame(TEXT, `42${i}["command",{"command":"hold","targets":["scout-1"]}]`))));
    const answer = await peer.until((read) => (read.includes('rate_limited') ? 'rate_limited' : undefined)).catch(() => (peer.read.includes('43') ? 'held back' : 'silence'));
    peer.destroy();
    return answer ?? 'closed';
  } },
];

if (process.send && process.argv[1].endsWith('attacks.mjs')) {
  const [port, share, timesMax] = process.argv.slice(2).map(Number);
  process.on('message', async (index) => {
    const { run, times: few, isSlow } = attacks[index];
    const outcomes = {};
    const once = async (_, nth) => {
      const outcome = await run(port, nth).catch((error) => error.message);
      outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
    };
    const count = Math.min(isSlow ? few : few * share, timesMax);
    if (isSlow) await Promise.all(Array.from({ length: count }, once));
    else for (let i = 0; i < count; i += 1) await once(undefined, i);
    process.send(outcomes);
  });
}
