using System.Globalization;
using Amqp.Core.Queues;
using Amqp.Core.Records;
using FsCheck;
using FsCheck.Fluent;

namespace Amqp.Core.Tests.Queues;

/// <summary>
/// The queue against a model that is obviously right: a list of ready messages, sorted by priority and age, and a set of held ones. When there are
/// more than there may be, the first are taken off, or no more taken; and no duplicates are, where they are known again. Whatever is asked in whatever order, and whatever is evicted and read back in
/// between, both hold the same messages, the queue hands them out in the model's order, and its records tell what a restart has to bring back.
/// </summary>
internal sealed class QueueStateProperties
{
    private enum Step
    {
        Publish,
        PublishPersistent,
        PublishMany,
        Get,
        AckOldest,
        AckNewest,
        RequeueOldest,
        RequeueNewest,
        Release,
        Purge,
        Prepare,
        Commit,
        Abort,
        Write,
        Evict,
        ReleaseAll,
        LookAgain,
        Load,
        Unlimited,
        DropBeyond,
        RefuseBeyond,
        TimePasses,
        Browse,
    }

    [Test]
    public void A_queue_behaves_as_a_sorted_list([Values(0, 3)] int maxPriority, [Values(long.MaxValue, 2)] long deliveryLimit, [Values(0, 10)] int retryMs, [Values] bool deduplicates)
    {
        var steps = Gen.Elements(Enum.GetValues<Step>()).ListOf().ToArbitrary();
        Prop.ForAll(steps, run => new Run((byte)maxPriority, deliveryLimit, retryMs, deduplicates).Behaves(run.ToList())).Check(Config.QuickThrowOnFailure.WithMaxTest(1_000).WithEndSize(300));
    }

    private sealed class Run(byte maxPriority, long deliveryLimit, int retryMs, bool deduplicates)
    {
        private readonly QueueStory _story = new(durable: true, settings: Settings(maxPriority, deliveryLimit, retryMs, deduplicates));
        private readonly StoryHolder _holder = new();
        private readonly SortedSet<int> _ready = new(Comparer<int>.Create((one, other) =>
            PriorityOf(one) == PriorityOf(other) ? one.CompareTo(other) : maxPriority == 0 ? one.CompareTo(other) : PriorityOf(other).CompareTo(PriorityOf(one))));

        private readonly SortedSet<int> _held = [];
        private readonly Dictionary<int, int> _returned = [];
        private readonly HashSet<int> _persistent = [];
        private readonly Queue<(TransactionPart Part, int[] Published, int? Settled)> _parts = new();

        // Which message was the last to come with a key.
        private readonly Dictionary<int, int> _keys = [];
        private int _published;
        private readonly SortedSet<(long Due, int Message)> _waiting = [];
        private QueueSettings _settings = Settings(maxPriority, deliveryLimit, retryMs, deduplicates);

        private static QueueSettings Settings(byte maxPriority, long deliveryLimit, int retryMs, bool deduplicates) => new()
        {
            Deduplicates = deduplicates,
            MaxPriority = maxPriority,
            DeliveryLimit = deliveryLimit,
            Retry = retryMs == 0 ? default : new RetryDelay(RetryType.All, retryMs, MaxMs: 25, Multiplier: 0),
        };

        /// <summary>Of the message with that number.</summary>
        private static byte PriorityOf(int number) => (byte)(number / 5 % 4);

        /// <summary>Three in a row have the same.</summary>
        private static int KeyOf(int number) => number / 3;

        /// <summary>The queue has a message with the key of this one, and it is not about to leave with a transaction.</summary>
        private bool IsDuplicate(int number) => deduplicates && _keys.TryGetValue(KeyOf(number), out var known)
            && (_ready.Contains(known) || _held.Contains(known) || _waiting.Any(waiting => waiting.Message == known));

        private bool HasRoomFor(int messages) => _settings.Overflow == Overflow.DropHead || _ready.Count + messages <= _settings.LengthMax;

        public bool Behaves(List<Step> steps)
        {
            foreach (var step in steps)
            {
                Take(step);
                _story.CarryOut();
                Drop();
                var prepared = _parts.Sum(part => part.Published.Length + (part.Settled is null ? 0 : 1));
                if (_story.State.ReadyCount != _ready.Count || _story.State.UnackedCount != _held.Count + prepared + _waiting.Count) return false;
                if (_holder.UnackedCount != _held.Count || !RecordsAreRight() || !FiguresAreRight()) return false;
            }
            _story.Now += 1_000;
            ReleaseDue();
            _story.CarryOut();
            while (_ready.Count > 0)
            {
                if (!Get()) return false;
            }
            return _story.Get(_holder) is null && RecordsAreRight();
        }

        /// <summary>What is in memory is counted as messages come and go, and as bodies do.</summary>
        private bool FiguresAreRight()
        {
            var (state, figures) = (_story.State, _story.State.Figures());
            var absent = (Ready: figures.Ready - figures.ReadyInMemory, Unacked: figures.Unacked - figures.UnackedInMemory);
            return absent is { Ready: >= 0, Unacked: >= 0 } && figures.ReadyInMemory >= 0 && absent.Ready + absent.Unacked == state.AbsentCount;
        }

        private void Take(Step step)
        {
            switch (step)
            {
                case Step.Publish: Publish(1, every: 0); break;
                case Step.PublishPersistent: Publish(1, every: 1); break;
                case Step.PublishMany: Publish(300, every: 3); break; // crosses the chunks of the message log
                case Step.Get: Get(); break;
                case Step.AckOldest when _held.Count > 0: Ack(_held.Min); break;
                case Step.AckNewest when _held.Count > 0: Ack(_held.Max); break;
                case Step.RequeueOldest when _held.Count > 0: Requeue(_held.Min); break;
                case Step.RequeueNewest when _held.Count > 0: Requeue(_held.Max); break;
                case Step.Release:
                    _story.State.Release(_holder, _story.Now);
                    _story.State.DeliverReturned(_story.Now);
                    foreach (var message in _held.ToList()) Return(message);
                    break;
                case Step.Purge:
                    Assert.That(_story.State.Purge(), Is.EqualTo(_ready.Count));
                    _ready.Clear();
                    break;
                case Step.Prepare: Prepare(); break;
                case Step.Commit when _parts.Count > 0: Commit(); break;
                case Step.Abort when _parts.Count > 0: Abort(); break;
                case Step.TimePasses:
                    _story.Now += 15;
                    ReleaseDue();
                    break;
                case Step.Browse: Assert.That(Browse(), Is.EqualTo((_ready.Concat(_held).Concat(_waiting.Select(waiting => waiting.Message))).Order())); break;
                case Step.Write: _story.Write(); break;
                case Step.Evict: _story.Evict(keptBytes: 20 * 140); break;
                case Step.ReleaseAll: _story.Evict(keptBytes: 0); break;
                case Step.LookAgain: _story.State.LookAgain(); break;
                case Step.Load: _story.Load(windowBytes: 10 * 140); break;
                case Step.Unlimited: Configure(_settings with { LengthMax = long.MaxValue }); break;
                case Step.DropBeyond: Configure(_settings with { LengthMax = 250, Overflow = Overflow.DropHead }); break;
                case Step.RefuseBeyond: Configure(_settings with { LengthMax = 400, Overflow = Overflow.RejectPublish }); break;
            }
        }

        /// <summary>What the records say is there is what has to survive, or was paged out and is there.</summary>
        private bool RecordsAreRight()
        {
            if (!_story.Store.Messages.Values.All(CountIsRight)) return false;
            var stored = _story.Store.Messages.Values.ToLookup(record => record.Type, record => int.Parse(QueueStory.NameOf(record.Message!), CultureInfo.InvariantCulture));
            return stored[RecordType.Enqueue].SequenceEqual(There().Where(_persistent.Contains))
                && stored[RecordType.Page].All(There().Contains);
        }

        /// <summary>How often a message came back is written down where it has an end.</summary>
        private bool CountIsRight(StoreRecord record)
        {
            var message = int.Parse(QueueStory.NameOf(record.Message!), CultureInfo.InvariantCulture);
            var isCounted = (deliveryLimit < long.MaxValue || retryMs > 0) && record.Type != RecordType.Page;
            var count = isCounted ? _returned.GetValueOrDefault(message) : 0;
            var due = _waiting.FirstOrDefault(waiting => waiting.Message == message).Due;
            return record.Attributes.DeliveryCount == count && (due == 0 || record.Type == RecordType.Page || record.Attributes.ReadyAt == due);
        }

        /// <summary>Everything but what transactions publish.</summary>
        private SortedSet<int> There() => [.. _ready, .. _held, .. _waiting.Select(waiting => waiting.Message), .. _parts.Where(part => part.Settled is not null).Select(part => part.Settled!.Value)];

        private void Publish(int count, int every)
        {
            for (; count > 0; count--)
            {
                var isDuplicate = IsDuplicate(_published);
                var isTaken = !isDuplicate && HasRoomFor(1);
                if (isTaken)
                {
                    _ready.Add(_published);
                    _keys[KeyOf(_published)] = _published;
                }
                var answer = _story.State.Publish(NewMessage(every > 0 && count % every == 0), _story.Now);
                Assert.That(answer == QueueState.Refused, Is.EqualTo(!isDuplicate && !isTaken));
                Drop();
            }
        }

        private Core.Messages.Message NewMessage(bool persistent)
        {
            if (persistent) _persistent.Add(_published);
            var (priority, key) = (PriorityOf(_published), KeyOf(_published));
            var message = QueueStory.NewMessage($"{_published++}", persistent: persistent, priority: priority);
            return deduplicates ? message.WithHeader(Core.Messages.HeaderKey.Deduplication, AMQP.Net.FieldValue.From(key)) : message;
        }

        private bool Get()
        {
            if (_ready.Count == 0) return _story.Get(_holder) is null;
            var got = _story.Get(_holder);
            // Not in memory: it comes when it was read.
            if (got is null && _story.Load(windowBytes: 5 * 140) > 0) got = _story.Get(_holder);
            var first = _ready.Min;
            _ready.Remove(first);
            _held.Add(first);
            return got == first + (_returned.ContainsKey(first) ? "!" : "");
        }

        /// <summary>All that is seen in the queue, whatever of it is on the disk.</summary>
        private List<int> Browse()
        {
            var seen = new List<int>();
            for (var from = 0L; ;)
            {
                var part = new BrowsedPart(from, countMax: 100);
                if (_story.State.Browse(part, _story.Now) is { Length: > 0 } absent) _story.State.Browsed(part, absent, _story.Store.Read(absent));
                seen.AddRange(part.Messages.Select(message => int.Parse(QueueStory.NameOf(message.Message!), CultureInfo.InvariantCulture)));
                if (part.IsLast) return seen;
                from = part.Next;
            }
        }

        private void Configure(QueueSettings settings)
        {
            _settings = settings;
            _story.State.Configure(settings);
        }

        private void Drop()
        {
            while (_settings.Overflow == Overflow.DropHead && _ready.Count > _settings.LengthMax) _ready.Remove(_ready.Min);
        }

        private void Ack(int message)
        {
            _held.Remove(message);
            _story.Ack(_holder, $"{message}");
        }

        private void Requeue(int message)
        {
            Return(message);
            _story.Requeue(_holder, $"{message}");
        }

        private void Return(int message)
        {
            _held.Remove(message);
            _returned[message] = _returned.GetValueOrDefault(message) + 1;
            if (_returned[message] > deliveryLimit) return;
            if (retryMs == 0) _ready.Add(message);
            else _waiting.Add((_story.Now + Math.Min(retryMs * _returned[message], 25), message));
        }

        private void ReleaseDue()
        {
            while (_waiting.Count > 0 && _waiting.Min.Due <= _story.Now)
            {
                _ready.Add(_waiting.Min.Message);
                _waiting.Remove(_waiting.Min);
            }
            _story.State.ReleaseDue(_story.Now);
            Drop();
        }

        private void Prepare()
        {
            var first = _published;
            var part = QueueStory.Part(NewMessage(persistent: true), NewMessage(persistent: false));
            if (!HasRoomFor(2))
            {
                Assert.That(_story.State.Prepare(part, _story.Now), Is.False);
                _story.State.Abort(part, _story.Now);
                return;
            }
            var published = Enumerable.Range(first, 2).Where(number => !IsDuplicate(number)).ToArray();
            if (deduplicates) published = [.. published.DistinctBy(KeyOf)];
            foreach (var number in published) _keys[KeyOf(number)] = number;
            int? settled = _held.Count > 0 ? _held.Min : null;
            if (settled is { } oldest)
            {
                part.Settlements.Add(_story.Held(_holder, $"{oldest}", Settlement.Acknowledge));
                _held.Remove(oldest);
            }
            Assert.That(_story.State.Prepare(part, _story.Now), Is.True);
            _parts.Enqueue((part, published, settled));
        }

        private void Commit()
        {
            var (part, published, _) = _parts.Dequeue();
            _story.CarryOut();
            _story.Store.Add(part.Records.ToArray());
            _story.Store.Write(part.Records.ToArray());
            _story.State.Commit(part, _story.Now);
            _ready.UnionWith(published);
        }

        private void Abort()
        {
            var (part, _, settled) = _parts.Dequeue();
            _story.State.Abort(part, _story.Now);
            if (settled is { } returned) Return(returned);
        }
    }
}
