using Amqp.Core.Queues;

namespace Amqp.Cluster.Forwarding;

/// <summary>Lines that leave together in one frame, or in several when they are many bytes. Each frame names the queue that its lines are about where that changes.</summary>
/// <param name="post">Sends a frame.</param>
internal sealed class LineBatch(byte kind, Action<LinesMessage> post)
{
    private readonly BatchList<Line> _lines = new();
    private long _bytes;
    private long _queue;

    /// <summary>Of the frames.</summary>
    public long Session { get; set; }

    public void Add(in Line line)
    {
        _lines.Add(line);
        _bytes += line.Bytes;
        if (_bytes >= LinesMessage.BytesMax) Flush();
    }

    /// <summary>Likewise, about a queue.</summary>
    public void Add(RemoteQueue queue, in Line line)
    {
        var id = queue.Definition.Id.Value;
        if (id != _queue) Add(new Line(LineKind.Queue, id));
        _queue = id;
        // The line before may have filled a frame.
        if (_lines.Count == 0) _lines.Add(new Line(LineKind.Queue, id));
        Add(line);
    }

    public void Flush()
    {
        if (_lines.Count > 0) post(LinesMessage.Of(kind, Session, _lines.Items, _bytes));
        Clear();
    }

    /// <summary>What is in it is not sent.</summary>
    public void Clear()
    {
        _lines.Clear();
        (_bytes, _queue) = (0, 0);
    }
}
