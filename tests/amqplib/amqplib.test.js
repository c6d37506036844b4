// What programs written for amqplib do. Run by the conformance tests, or by hand:
//   AMQP_URL=amqp://guest:guest@127.0.0.1:5672 node --test
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, test } from 'node:test';
import amqplib from 'amqplib';
import callbacks from 'amqplib/callback_api';

const url = process.env.AMQP_URL;
assert.ok(url, 'AMQP_URL names the broker');
const patienceMs = 10_000;

let connection;
before(async () => { connection = await amqplib.connect(url); });
after(async () => { await connection.close(); });

/** A channel whose errors do not end the process: those that are expected are awaited. */
async function openChannel(on = connection) {
  const channel = await on.createChannel();
  channel.on('error', () => {});
  return channel;
}

/** An exclusive queue, which goes with the connection. */
async function declareQueue(channel, options = {}) {
  return (await channel.assertQueue(`amqplib.${randomUUID()}`, { exclusive: true, durable: false, ...options })).queue;
}

/** Fails instead of waiting for ever. */
function soon(promise, what) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no ${what} within ${patienceMs} ms`)), patienceMs);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

const event = (emitter, name) => soon(new Promise((resolve) => emitter.once(name, resolve)), `event '${name}'`);

/** A consumer's messages, one by one. */
async function consume(channel, queue, options = {}) {
  const messages = [];
  const waiting = [];
  const { consumerTag } = await channel.consume(queue, (message) => {
    if (waiting.length > 0) waiting.shift()(message);
    else messages.push(message);
  }, options);
  const next = () => soon(
    messages.length > 0 ? Promise.resolve(messages.shift()) : new Promise((resolve) => waiting.push(resolve)), 'message');
  return { consumerTag, next, messages };
}

/** amqplib answers an error of the server by rejecting, with the code in it. */
async function assertCloses(operation, code, text) {
  await assert.rejects(operation, (error) => {
    assert.equal(error.code, code, error.message);
    assert.match(error.message, text);
    return true;
  });
}

test('it connects and sees what the server is', async () => {
  const own = await amqplib.connect(url, { clientProperties: { connection_name: 'amqplib test' } });
  const properties = own.connection.serverProperties;
  assert.equal(typeof properties.version, 'string');
  assert.equal(properties.capabilities['basic.nack'], true);
  await own.close();
});

test('it is told of a wrong password', async () => {
  const wrong = new URL(url);
  wrong.password = 'wrong';
  await assert.rejects(amqplib.connect(wrong.href), /ACCESS[-_]REFUSED/);
});

test('it is told of an unknown virtual host', async () => {
  // amqplib does not pass on the server's text.
  await assert.rejects(amqplib.connect(`${url}/nowhere`), /ConnectionClose/);
});

test('it publishes, consumes and acknowledges', async () => {
  const channel = await openChannel();
  const queue = await declareQueue(channel);
  const consumer = await consume(channel, queue);
  for (const text of ['1', '2', '3']) assert.equal(channel.sendToQueue(queue, Buffer.from(text)), true);
  for (const [index, text] of ['1', '2', '3'].entries()) {
    const message = await consumer.next();
    assert.equal(message.content.toString(), text);
    assert.equal(message.fields.deliveryTag, index + 1);
    assert.equal(message.fields.redelivered, false);
    channel.ack(message);
  }
  await channel.close();
});

test('it waits for confirms', async () => {
  const channel = await connection.createConfirmChannel();
  const queue = await declareQueue(channel);
  let confirmed = 0;
  for (let i = 0; i < 500; i += 1) {
    channel.sendToQueue(queue, Buffer.from(`${i}`), { persistent: i % 2 === 0 }, (error) => {
      assert.equal(error, null);
      confirmed += 1;
    });
  }
  await soon(channel.waitForConfirms(), 'confirm');
  assert.equal(confirmed, 500);
  assert.equal((await channel.checkQueue(queue)).messageCount, 500);
  await channel.close();
});

test('it is confirmed what goes nowhere, after it was returned', async () => {
  const channel = await connection.createConfirmChannel();
  const heard = [];
  channel.on('return', (message) => heard.push(message.content.toString()));
  await soon(new Promise((resolve, reject) => {
    channel.publish('', 'nowhere', Buffer.from('returned'), { mandatory: true }, (error) => {
      heard.push('confirmed');
      if (error) reject(error); else resolve();
    });
  }), 'confirm');
  assert.deepEqual(heard, ['returned', 'confirmed']);
  await channel.close();
});

test('it keeps properties, headers and large bodies', async () => {
  const channel = await openChannel();
  const queue = await declareQueue(channel);
  const consumer = await consume(channel, queue, { noAck: true });
  const body = Buffer.alloc(1_000_000, 'body');
  const headers = { text: 'value', number: 5, float: 1.5, yes: true, none: null, list: [1, 'two'], table: { inner: 'deep' } };
  channel.publish('', queue, body, {
    contentType: 'application/octet-stream', correlationId: 'id', replyTo: 'somebody', messageId: 'message', timestamp: 1_000_000_000,
    type: 'type', appId: 'application', priority: 3, persistent: true, expiration: 100_000, headers,
  });
  const { content, properties } = await consumer.next();
  assert.ok(content.equals(body));
  assert.deepEqual({ ...properties.headers }, headers);
  assert.deepEqual(
    [properties.contentType, properties.correlationId, properties.replyTo, properties.messageId, properties.timestamp, properties.type,
      properties.appId, properties.priority, properties.deliveryMode, properties.expiration],
    ['application/octet-stream', 'id', 'somebody', 'message', 1_000_000_000, 'type', 'application', 3, 2, '100000']);
  await channel.close();
});

test('it routes by exchanges of every type', async () => {
  const channel = await openChannel();
  const cases = [
    ['direct', 'key', {}, 'key', {}],
    ['fanout', '', {}, 'anything', {}],
    ['topic', 'a.*.#', {}, 'a.b.c.d', {}],
    ['headers', '', { 'x-match': 'any', colour: 'red', size: 5 }, '', { size: 5 }],
  ];
  for (const [type, pattern, args, key, headers] of cases) {
    const exchange = `amqplib.${type}.${randomUUID()}`;
    await channel.assertExchange(exchange, type, { durable: false, autoDelete: true });
    const queue = await declareQueue(channel);
    await channel.bindQueue(queue, exchange, pattern, args);
    const consumer = await consume(channel, queue, { noAck: true });
    channel.publish(exchange, key, Buffer.from(type), { headers });
    const message = await consumer.next();
    assert.equal(message.content.toString(), type);
    assert.equal(message.fields.exchange, exchange);
    await channel.unbindQueue(queue, exchange, pattern, args);
  }
  await channel.close();
});

test('it binds exchanges to exchanges', async () => {
  const channel = await openChannel();
  const [source, destination] = [`amqplib.${randomUUID()}`, `amqplib.${randomUUID()}`];
  await channel.assertExchange(source, 'topic', { durable: false });
  await channel.assertExchange(destination, 'fanout', { durable: false });
  await channel.bindExchange(destination, source, 'a.*');
  const queue = await declareQueue(channel);
  await channel.bindQueue(queue, destination, '');
  const consumer = await consume(channel, queue, { noAck: true });
  channel.publish(source, 'a.b', Buffer.from('through'));
  assert.equal((await consumer.next()).content.toString(), 'through');
  await channel.unbindExchange(destination, source, 'a.*');
  await channel.deleteExchange(source);
  await channel.deleteExchange(destination);
  await channel.close();
});

test('it limits what it is sent', async () => {
  const channel = await openChannel();
  const queue = await declareQueue(channel);
  await channel.prefetch(2);
  const consumer = await consume(channel, queue);
  for (const text of ['1', '2', '3']) channel.sendToQueue(queue, Buffer.from(text));
  const first = await consumer.next();
  await consumer.next();
  assert.equal((await until(() => channel.checkQueue(queue), (answer) => answer.messageCount === 1)).consumerCount, 1);
  assert.equal(consumer.messages.length, 0);
  channel.ack(first);
  assert.equal((await consumer.next()).content.toString(), '3');
  await channel.close();
});

test('it nacks, rejects and recovers', async () => {
  const channel = await openChannel();
  const queue = await declareQueue(channel);
  const consumer = await consume(channel, queue);
  channel.sendToQueue(queue, Buffer.from('m'));
  channel.nack(await consumer.next());
  let message = await consumer.next();
  assert.equal(message.fields.redelivered, true);
  channel.reject(message, true);
  await consumer.next();
  await channel.recover();
  message = await consumer.next();
  assert.equal(message.fields.redelivered, true);
  channel.nack(message, false, false);
  channel.sendToQueue(queue, Buffer.from('next'));
  assert.equal((await consumer.next()).content.toString(), 'next');
  channel.ackAll();
  await channel.close();
});

test('it gets', async () => {
  const channel = await openChannel();
  const queue = await declareQueue(channel);
  assert.equal(await channel.get(queue), false);
  channel.sendToQueue(queue, Buffer.from('m'));
  const message = await until(() => channel.get(queue, { noAck: true }), (answer) => answer !== false);
  assert.equal(message.content.toString(), 'm');
  assert.equal(message.fields.messageCount, 0);
  await channel.close();
});

test('it purges and deletes, and counts', async () => {
  const channel = await openChannel();
  const queue = await declareQueue(channel);
  for (const text of ['1', '2', '3']) channel.sendToQueue(queue, Buffer.from(text));
  await until(() => channel.checkQueue(queue), (answer) => answer.messageCount === 3);
  assert.deepEqual(await channel.purgeQueue(queue), { messageCount: 3 });
  assert.deepEqual(await channel.deleteQueue(queue, { ifUnused: true, ifEmpty: true }), { messageCount: 0 });
  await channel.close();
});

test('it gets messages back that have no route', async () => {
  const channel = await openChannel();
  const returned = event(channel, 'return');
  channel.publish('amq.direct', randomUUID(), Buffer.from('m'), { mandatory: true });
  const message = await returned;
  assert.equal(message.fields.replyCode, 312);
  assert.equal(message.fields.replyText, 'NO_ROUTE');
  assert.equal(message.content.toString(), 'm');
  await channel.close();
});

test('it is told why a channel is closed, and opens another', async () => {
  const name = `amqplib.${randomUUID()}`;
  const channel = await openChannel();
  const error = event(channel, 'error');
  await assertCloses(channel.checkQueue(name), 404, new RegExp(`NOT_FOUND - no queue '${name}' in vhost '/'`));
  assert.equal((await error).code, 404);
  const publishing = await openChannel();
  const failed = event(publishing, 'error');
  publishing.publish(name, '', Buffer.from('m'));
  assert.match((await failed).message, new RegExp(`NOT_FOUND - no exchange '${name}' in vhost '/'`));
  await (await openChannel()).close();
});

test('it is refused an inequivalent queue', async () => {
  const channel = await openChannel();
  const queue = await declareQueue(channel, { messageTtl: 1000 });
  await assertCloses(
    channel.assertQueue(queue, { exclusive: true, durable: false, messageTtl: 2000 }), 406,
    /PRECONDITION_FAILED - inequivalent arg 'x-message-ttl' for queue .* received '2000' but current is '1000'/);
});

test('it is told why the connection is closed', async () => {
  const own = await amqplib.connect(url);
  own.on('error', () => {});
  const channel = await own.createChannel();
  channel.on('error', () => {});
  const queue = await declareQueue(channel);
  const error = event(own, 'error');
  await channel.consume(queue, () => {}, { consumerTag: 'tag' });
  channel.consume(queue, () => {}, { consumerTag: 'tag' }).catch(() => {});
  assert.match((await error).message, /530.*attempt to reuse consumer tag 'tag'/);
});

test('it is told when its queue is deleted', async () => {
  const channel = await openChannel();
  const queue = await declareQueue(channel);
  const consumer = await consume(channel, queue);
  await (await openChannel()).deleteQueue(queue);
  assert.equal(await consumer.next(), null);
  await channel.close();
});

test('it calls and is answered directly', async () => {
  const [client, server] = [await openChannel(), await openChannel()];
  const queue = await declareQueue(server);
  await server.consume(queue, (request) => {
    server.sendToQueue(
      request.properties.replyTo, Buffer.from(`answer to ${request.content}`), { correlationId: request.properties.correlationId });
  }, { noAck: true });
  const answers = await consume(client, 'amq.rabbitmq.reply-to', { noAck: true });
  client.sendToQueue(queue, Buffer.from('question'), { replyTo: 'amq.rabbitmq.reply-to', correlationId: 'id' });
  const answer = await answers.next();
  assert.equal(answer.content.toString(), 'answer to question');
  assert.equal(answer.properties.correlationId, 'id');
  await client.close();
  await server.close();
});

test('it keeps a connection alive by heartbeats', async () => {
  const own = await amqplib.connect(`${url}?heartbeat=1`);
  own.on('error', () => {});
  let closed = false;
  own.on('close', () => { closed = true; });
  const started = Date.now();
  await until(() => Date.now() - started, (passed) => passed > 3500); // longer than silence is allowed
  assert.equal(closed, false);
  await own.close();
});

test('it works with callbacks', async () => {
  const text = await soon(new Promise((resolve, reject) => {
    callbacks.connect(url, (error, own) => {
      if (error) return reject(error);
      own.createChannel((error, channel) => {
        if (error) return reject(error);
        channel.assertQueue('', { exclusive: true }, (error, { queue }) => {
          if (error) return reject(error);
          channel.consume(queue, (message) => own.close(() => resolve(message.content.toString())), { noAck: true });
          channel.sendToQueue(queue, Buffer.from('called back'));
        });
      });
    });
  }), 'callback');
  assert.equal(text, 'called back');
});

test('it opens a hundred channels', async () => {
  const own = await amqplib.connect(url);
  const channels = await Promise.all(Array.from({ length: 100 }, () => own.createChannel()));
  await Promise.all(channels.map((channel) => channel.close()));
  await own.close();
});

/** Asks again and again until the answer is right, or fails in the end. */
async function until(ask, isRight) {
  const deadline = Date.now() + patienceMs;
  for (;;) {
    const answer = await ask();
    if (isRight(answer)) return answer;
    assert.ok(Date.now() < deadline, `not so within ${patienceMs} ms: ${isRight}, but ${JSON.stringify(answer)}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
