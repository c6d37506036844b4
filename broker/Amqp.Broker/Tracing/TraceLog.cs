using Amqp.Broker.Observability;
using Amqp.Core.Messages;
using Amqp.Core.Queues;
using Amqp.Core.Topology;

namespace Amqp.Broker.Tracing;

/// <summary>By what a message is found. One that has neither id cannot be.</summary>
internal readonly record struct TracedId(string Vhost, string? MessageId, string? CorrelationId)
{
    public bool IsNone => MessageId is null && CorrelationId is null;

    /// <summary>The ids, each once.</summary>
    public IEnumerable<string> All
    {
        get
        {
            if (MessageId is { } id) yield return id;
            if (CorrelationId is { } other && other != MessageId) yield return other;
        }
    }

    public static TracedId Of(string vhost, Message message) => new(vhost, NotEmpty(message.Properties.MessageId), NotEmpty(message.Properties.CorrelationId));

    private static string? NotEmpty(string? id) => id is { Length: > 0 } ? id : null;
}

/// <summary>Where a message is: a queue that has it in memory no more still knows it by that.</summary>
internal readonly record struct TracedPlace(QueueId Queue, long Position);

/// <summary>
/// What became of messages on this node, to be found by their ids: the newest that there is room for, none for longer than a time. In memory only.
/// </summary>
/// <param name="bytesMax">Room, <c>Limits:TraceBytes</c>.</param>
/// <param name="ageMsMax">Time, <c>Limits:TraceMs</c>.</param>
/// <remarks>A leaf lock, because connections and queues write here; never held while calling out.</remarks>
internal sealed class TraceLog(long bytesMax, int ageMsMax)
{
    /// <summary>Events of a message: one that goes round for ever does not push out all others.</summary>
    private const int EventsMax = 200;

    /// <summary>Messages that are told of at a time, the newest: all of a client may have one correlation id.</summary>
    private const int FoundMax = 100;

    // What these take, about, with their places in the tables.
    private const int TrailBytes = 512;
    private const int EventBytes = 192;
    private const int PlaceBytes = 128;

    private readonly Lock _lock = new();
    private readonly Dictionary<TracedId, Trail> _trails = [];
    private readonly Dictionary<(string Vhost, string Id), Queue<Trail>> _byId = [];
    private readonly Dictionary<TracedPlace, Trail> _byPlace = [];
    private readonly Queue<Trail> _byAge = new();
    private long _bytes;

    /// <summary>There is room for something.</summary>
    public bool IsOn => bytesMax > 0;

    /// <summary>Notes an event.</summary>
    /// <param name="id">Of its message; none: it is known by its place, or not at all.</param>
    public void Add(in TracedId id, TraceEvent happened, TracedPlace? place = null)
    {
        lock (_lock)
        {
            if (Find(id, place, happened.AtMs) is not { } trail) return;
            Add(trail, happened);
            if (place is { } at) Move(trail, at, happened.Step);
            Trim(happened.AtMs);
        }
    }

    /// <summary>A queue is gone with all that is in it.</summary>
    public void Deleted(QueueId queue, TraceEvent happened)
    {
        lock (_lock)
        {
            foreach (var (place, trail) in _byPlace.Where(each => each.Key.Queue == queue).ToArray())
            {
                Add(trail, happened);
                Move(trail, place, happened.Step);
            }
            Trim(happened.AtMs);
        }
    }

    /// <summary>The last hundred messages with that message id or correlation id, the oldest first.</summary>
    public IReadOnlyList<MessageTrail> Find(string vhost, string id, long nowMs)
    {
        lock (_lock)
        {
            Trim(nowMs);
            return _byId.TryGetValue((vhost, id), out var trails) ? [.. trails.TakeLast(FoundMax).Select(trail => trail.Shown)] : [];
        }
    }

    private Trail? Find(in TracedId id, TracedPlace? place, long nowMs)
    {
        if (id.IsNone) return place is { } at ? _byPlace.GetValueOrDefault(at) : null;
        if (_trails.TryGetValue(id, out var known)) return known;
        var trail = new Trail(id, nowMs);
        _trails.Add(id, trail);
        _byAge.Enqueue(trail);
        foreach (var each in id.All)
        {
            if (!_byId.TryGetValue((id.Vhost, each), out var sharing)) _byId[(id.Vhost, each)] = sharing = new Queue<Trail>();
            sharing.Enqueue(trail);
            Grow(trail, 2 * each.Length);
        }
        Grow(trail, TrailBytes);
        return trail;
    }

    private void Add(Trail trail, TraceEvent happened)
    {
        // How it began stays: who published it is asked for most.
        if (trail.Events.Count == EventsMax)
        {
            Grow(trail, -BytesOf(trail.Events[1]));
            trail.Events.RemoveAt(1);
            trail.Forgotten++;
        }
        trail.Events.Add(happened);
        Grow(trail, BytesOf(happened));
    }

    private void Move(Trail trail, TracedPlace place, TraceStep step)
    {
        if (step is TraceStep.Refused or TraceStep.Duplicate) return;
        if (step >= TraceStep.Acknowledged)
        {
            if (!_byPlace.Remove(place, out var owner)) return;
            owner.Places.Remove(place);
            Grow(owner, -PlaceBytes);
        }
        else if (_byPlace.TryAdd(place, trail))
        {
            trail.Places.Add(place);
            Grow(trail, PlaceBytes);
        }
    }

    private void Trim(long nowMs)
    {
        while (_byAge.TryPeek(out var oldest) && (_bytes > bytesMax || oldest.BeganAtMs < nowMs - ageMsMax)) Forget(_byAge.Dequeue());
    }

    private void Forget(Trail trail)
    {
        _bytes -= trail.Bytes;
        _trails.Remove(trail.Id);
        foreach (var place in trail.Places) _byPlace.Remove(place);
        foreach (var id in trail.Id.All)
        {
            var sharing = _byId[(trail.Id.Vhost, id)];
            sharing.Dequeue(); // the oldest here, too
            if (sharing.Count == 0) _byId.Remove((trail.Id.Vhost, id));
        }
    }

    private void Grow(Trail trail, long bytes)
    {
        trail.Bytes += bytes;
        _bytes += bytes;
    }

    // Names may be those of what is gone by now, and are counted as if they were not shared.
    private static long BytesOf(TraceEvent happened) => EventBytes
        + (2L * ((happened.Exchange?.Length ?? 0) + (happened.RoutingKey?.Length ?? 0) + (happened.Queue?.Length ?? 0) + (happened.User?.Length ?? 0)
            + (happened.Connection?.Length ?? 0) + (happened.ConsumerTag?.Length ?? 0) + (happened.DeadLetterExchange?.Length ?? 0)
            + (happened.Queues?.Sum(queue => queue.Length + 16) ?? 0)));

    private sealed class Trail(TracedId id, long beganAtMs)
    {
        public TracedId Id { get; } = id;

        public long BeganAtMs { get; } = beganAtMs;

        public List<TraceEvent> Events { get; } = [];

        public HashSet<TracedPlace> Places { get; } = [];

        public long Bytes { get; set; }

        public int Forgotten { get; set; }

        public MessageTrail Shown => new(Id.Vhost, Id.MessageId, Id.CorrelationId, [.. Events], Forgotten);
    }
}
