using System.Buffers;
using Amqp.Core.Errors;
using Amqp.Core.Ports;
using Amqp.Core.Queues;

namespace Amqp.Cluster.Forwarding;

/// <summary>Sends a queue's answer to the edge that has asked.</summary>
/// <param name="number">Of the question.</param>
/// <param name="line">Makes a line of the answer.</param>
internal sealed class ServedReply<T>(ServedSession session, long number, Func<long, T, Line> line) : IReply<T>, IStandIn
{
    public void Complete(T value) => session.Say(line(number, value));

    public void Fail(BrokerError error) => session.Say(ServedReply.Failed(number, error));

    public void NotLeading(in QueueOperation operation) => session.Say(new Line(LineKind.NotLeading, number));
}

/// <summary>Sends the part of a queue that was looked at: in one frame, so that nothing comes between its messages. A part is about a megabyte.</summary>
internal sealed class ServedBrowse(ServedSession session, long number) : IReply<BrowsedPart>, IStandIn
{
    public void NotLeading(in QueueOperation operation) => session.Say(new Line(LineKind.NotLeading, number));

    public void Complete(BrowsedPart value)
    {
        var lines = ArrayPool<Line>.Shared.Rent(value.Messages.Count + 1);
        var (count, bytes) = (0, 0L);
        foreach (var message in value.Messages)
        {
            lines[count++] = new Line(LineKind.BrowsedMessage, Subject: message);
            bytes += message.Message?.Size ?? 0;
        }
        lines[count++] = new Line(LineKind.Browsed, number, value.Next, Flags: value.IsLast ? (byte)1 : (byte)0);
        session.Send(LinesMessage.Of(Forwarder.ToEdge, session.Number, lines, count, bytes));
    }

    public void Fail(BrokerError error) => session.Say(ServedReply.Failed(number, error));
}

/// <summary>Gives credit back to the edge, whose connection has taken it.</summary>
internal sealed class ServedCredit(ServedSession session, long number) : IPublishCredit
{
    public void GiveBack(long bytes) => session.Say(new Line(LineKind.CreditBack, number, bytes));
}

/// <summary>Answers as lines.</summary>
internal static class ServedReply
{
    /// <param name="error">Without a text: the edge, which knows the queue's name, says that there is no such queue.</param>
    public static Line Failed(long number, BrokerError error) => new(LineKind.Failed, number, (long)error.Code, error.Text.Length == 0 ? null : error.Text);

    public static Line Counted(long number, int count) => new(LineKind.Counted, number, count);

    public static Line Done(long number, bool done) => new(LineKind.Done, number, Flags: done ? (byte)1 : (byte)0);

    public static Line Got(long number, GetResult got) => new(LineKind.Got, number, got.Position, got.Message, got.Redelivered ? (byte)1 : (byte)0, got.Remaining);

    public static Line StatusIs(long number, QueueStatus status) => new(LineKind.StatusIs, number, status.ReadyCount, Flags: status.Gone ? (byte)1 : (byte)0, Extra: status.ConsumerCount);

    public static Line Deleted(long number, DeleteResult deleted) => new(LineKind.Deleted, number, deleted.MessageCount, Flags: (byte)deleted.Outcome);
}
