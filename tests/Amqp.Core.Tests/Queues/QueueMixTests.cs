using System.Globalization;
using AMQP.Net;
using Amqp.Core.Messages;
using Amqp.Core.Queues;
using Amqp.Core.Records;

namespace Amqp.Core.Tests.Queues;

/// <summary>
/// All features of a queue at once, in random mixes, with consumers that come, go, fall behind and give back. Whatever is mixed: a message
/// is never lost and leaves once, consumers get no more than they asked for, what is handed out for the first time is in order, and records tell of exactly
/// those messages that are there.
/// </summary>
internal sealed class QueueMixTests
{
    [Test]
    public void No_mix_of_features_loses_a_message_or_the_order([Range(1, 300)] int seed) => new Mix(seed).Run();

    private sealed class Mix
    {
        private const int Steps = 400;

        private readonly Random _random;
        private readonly QueueStory _queue;
        private readonly QueueSettings _settings;
        private readonly bool _isMemoryTight;

        // What is with each consumer that acknowledges, what was handed to a transaction, and how each message left.
        private readonly Dictionary<StoryConsumer, SortedSet<int>> _held = [];
        private readonly Queue<(TransactionPart Part, int? Settled)> _parts = new();
        private readonly Dictionary<int, string> _left = [];

        private readonly HashSet<int> _taken = [];
        private readonly HashSet<int> _refused = [];
        private readonly HashSet<int> _persistent = [];
        private readonly HashSet<int> _ofTransactions = [];
        private readonly Dictionary<(int Priority, int Group), int> _lastOf = [];
        private int _next;
        private int _consumers;

        // Of its own, so that it changes nothing about what the queue does.
        private readonly Random _mirrorsRandom;
        private StoryMirror _mirror;

        public Mix(int seed)
        {
            _random = new Random(seed);
            _settings = new QueueSettings
            {
                MessageGroups = Sometimes(),
                MaxPriority = (byte)(Sometimes() ? 3 : 0),
                SingleActiveConsumer = Rarely(),
                DispatchesToLeastLoaded = Sometimes(),
                Deduplicates = Rarely(),
                DeliveryLimit = Sometimes() ? 3 : long.MaxValue,
                Retry = Sometimes() ? new RetryDelay(RetryType.All, MinMs: 10, MaxMs: 40, Multiplier: 0) : default,
                LengthMax = Sometimes() ? 20 : long.MaxValue,
                Overflow = (Overflow)_random.Next(3),
                MessageTtlMs = Rarely() ? 60 : null,
                DeadLetterExchange = "dead",
            };
            _isMemoryTight = Sometimes();
            _queue = new QueueStory(durable: true, settings: _settings);
            State.IsMirrored = true;
            _mirrorsRandom = new Random(seed + 1_000);
            _mirror = new StoryMirror(_queue, _mirrorsRandom, _isMemoryTight);
        }

        private QueueState State => _queue.State;

        public void Run()
        {
            TestContext.Out.WriteLine(_settings);
            for (var step = 0; step < Steps; step++)
            {
                Step();
                Pass();
                if (_mirrorsRandom.Next(100) == 0) ChangeMirror();
            }
            Empty();
            _mirror.LeadToTheEnd();
            Assert.That(_left.Keys, Is.EquivalentTo(_taken), "every message left, and none that was not taken");
            Assert.That(_queue.Store.Messages, Is.Empty);
        }

        private bool Sometimes() => _random.Next(2) == 0;

        private bool Rarely() => _random.Next(5) == 0;

        private void Step()
        {
            switch (_random.Next(16))
            {
                case < 5: Publish(); break;
                case < 8: Settle(Settlement.Acknowledge); break;
                case 8: Settle(Settlement.Requeue); break;
                case 9: Settle(Settlement.Reject); break;
                case 10 when _held.Count < 4:
                    _held.Add(_queue.Consume($"c{_consumers++}", _random.Next(4), autoAck: Rarely(), priority: _random.Next(2)), []);
                    break;
                case 11 when _held.Count > 1 && Sometimes(): Leave(_held.Keys.ElementAt(_random.Next(_held.Count))); break;
                case 12 when Rarely(): Get(); break;
                case 12: ChangeRoom(_random.Next(4)); break;
                case 13: _queue.Now += _random.Next(15); break;
                case 14 when _parts.Count < 3: Prepare(); break;
                case 15 when _parts.Count > 0: End(commits: Sometimes()); break;
            }
        }

        /// <summary>What the queue would do by itself by now; and what came of it is held against what must be.</summary>
        private void Pass()
        {
            State.DropExpired(_queue.Now);
            State.ReleaseDue(_queue.Now);
            if (_isMemoryTight)
            {
                _queue.Write();
                _queue.Evict(keptBytes: _random.Next(2) * 1_000);
                _queue.Load(windowBytes: 1_000);
            }
            foreach (var delivery in Split(_queue.Deliveries())) Delivered(delivery);
            foreach (var letter in Split(_queue.DeadLetters())) Gone(Number(letter[..letter.IndexOf(':', StringComparison.Ordinal)]), letter);
            if (Sometimes()) _queue.Arrive();
            foreach (var (consumer, held) in _held)
            {
                Assert.That(consumer.UnackedCount, Is.EqualTo(held.Count));
                if (consumer.Prefetch > 0) Assert.That(held, Has.Count.LessThanOrEqualTo(consumer.Prefetch));
            }
            if (_settings.Overflow == Overflow.DropHead) Assert.That(State.ReadyCount, Is.LessThanOrEqualTo(_settings.LengthMax));
            var stored = _queue.Store.Messages.Values.Where(record => record.Type == RecordType.Enqueue).Select(record => Number(QueueStory.NameOf(record.Message!))).ToHashSet();
            Assert.That(stored, Is.SupersetOf(_taken.Where(number => _persistent.Contains(number) && !_left.ContainsKey(number))), "what has to survive would");
            _mirror.Follow(_queue.TakeStream());
        }

        /// <summary>The mirror leads for a while, or to its end, and another one joins.</summary>
        private void ChangeMirror()
        {
            if (_mirrorsRandom.Next(2) == 0)
            {
                _mirror.LeadForAWhile();
                return;
            }
            _mirror.LeadToTheEnd();
            _mirror = new StoryMirror(_queue, _mirrorsRandom, _isMemoryTight);
        }

        private void Publish()
        {
            var (number, end) = (_next, State.End);
            var isRefused = State.Publish(NewMessage(), _queue.Now) == QueueState.Refused;
            Assert.That(!isRefused || (_settings.IsLimited && _settings.Overflow != Overflow.DropHead));
            if (isRefused) _refused.Add(number);
            else if (State.End > end) _taken.Add(number);
            else Assert.That(_settings.Deduplicates, "only a duplicate is not taken");
        }

        private Message NewMessage()
        {
            var number = _next++;
            var isPersistent = Sometimes();
            if (isPersistent) _persistent.Add(number);
            var message = QueueStory.NewMessage($"{number}", Rarely() ? _random.Next(50) : -1, isPersistent, (byte)PriorityOf(number));
            if (GroupOf(number) > 0) message = message.WithHeader("x-group-id", FieldValue.From(GroupOf(number)));
            return _settings.Deduplicates ? message.WithHeader("x-deduplication-header", FieldValue.From(number / 3)) : message;
        }

        private void Delivered(string delivery)
        {
            var (tag, name) = (delivery.Split(':')[0], delivery.Split(':')[1]);
            var number = Number(name.TrimEnd('!'));
            var (consumer, held) = _held.Single(each => each.Key.Tag == tag);
            if (_settings.SingleActiveConsumer) Assert.That(consumer, Is.SameAs(State.SingleActiveConsumer));
            if (_settings.MessageGroups && GroupOf(number) > 0)
                Assert.That(_held.Where(other => other.Key != consumer).SelectMany(other => other.Value).Where(other => GroupOf(other) == GroupOf(number)), Is.Empty, "a group is with one consumer");
            if (consumer.AutoAck) Gone(number, "delivered");
            else held.Add(number);
            if (name.EndsWith('!') || _ofTransactions.Contains(number)) return;
            var order = (_settings.MaxPriority == 0 ? 0 : PriorityOf(number), _settings.MessageGroups ? GroupOf(number) : 0);
            Assert.That(number, Is.GreaterThan(_lastOf.GetValueOrDefault(order, -1)));
            _lastOf[order] = number;
        }

        private void Settle(Settlement settlement)
        {
            if (_held.Where(each => each.Value.Count > 0).ToArray() is not { Length: > 0 } busy) return;
            var (consumer, held) = busy[_random.Next(busy.Length)];
            var number = held.ElementAt(_random.Next(held.Count));
            held.Remove(number);
            if (settlement == Settlement.Acknowledge) Gone(number, "acknowledged");
            _queue.Settle(consumer, settlement, $"{number}");
        }

        private void Get()
        {
            Pass(); // what was delivered by now was delivered before it
            if (_queue.Get() is { } name) Gone(Number(name.TrimEnd('!')), "got");
        }

        private void Leave(StoryConsumer consumer)
        {
            _held.Remove(consumer);
            _queue.Release(consumer);
        }

        private void ChangeRoom(int room)
        {
            foreach (var consumer in _held.Keys)
            {
                consumer.Room = room;
                if (room > 0) State.Resume(consumer, _queue.Now);
            }
        }

        private void Prepare()
        {
            var part = QueueStory.Part(NewMessage(), NewMessage());
            var (consumer, held) = _held.FirstOrDefault(each => each.Value.Count > 0);
            int? settled = consumer is null ? null : held.Min;
            if (consumer is not null) part.Settlements.Add(_queue.Held(consumer, $"{settled}", Settlement.Acknowledge));
            if (!State.Prepare(part, _queue.Now)) return;
            if (settled is { } number) held!.Remove(number);
            _ofTransactions.UnionWith(Published(part));
            _parts.Enqueue((part, settled));
        }

        /// <summary>Without duplicates, as far as they are known.</summary>
        private static IEnumerable<int> Published(TransactionPart part) => part.Publishes.Select(message => Number(QueueStory.NameOf(message)));

        private void End(bool commits)
        {
            var (part, settled) = _parts.Dequeue();
            _queue.CarryOut();
            if (commits)
            {
                if (settled is { } number) Gone(number, "committed");
                State.Commit(part, _queue.Now);
                _taken.UnionWith(Published(part));
            }
            else State.Abort(part, _queue.Now);
        }

        /// <summary>Consumers take whatever comes until there is nothing left.</summary>
        private void Empty()
        {
            while (_parts.Count > 0) End(commits: true);
            if (_held.Count == 0) _held.Add(_queue.Consume("last"), []);
            ChangeRoom(int.MaxValue);
            Pass();
            for (var left = 5_000; State.ReadyCount + State.UnackedCount > 0; left--)
            {
                Assert.That(left, Is.Positive, "it goes on");
                Settle(Settlement.Acknowledge);
                _queue.Now += 10;
                Pass();
            }
        }

        /// <summary>Messages that were refused may be dead-lettered, and were never there.</summary>
        private void Gone(int number, string how)
        {
            if (_refused.Contains(number)) Assert.That(_settings.Overflow, Is.EqualTo(Overflow.RejectPublishDlx));
            else Assert.That(_left.TryAdd(number, how), $"{number} was {_left.GetValueOrDefault(number)}, and is {how}");
        }

        private static string[] Split(string text) => text.Split(' ', StringSplitOptions.RemoveEmptyEntries);

        private static int Number(string name) => int.Parse(name, CultureInfo.InvariantCulture);

        private static int PriorityOf(int number) => number / 5 % 4;

        /// <summary>0: it belongs to none.</summary>
        private static int GroupOf(int number) => number * 7 % 5;
    }
}
