using System.Diagnostics;
using Amqp.Perf;
using AMQP.Net;

namespace Amqp.Bench;

/// <summary>
/// A client that publishes to a queue again what it gets from it, so that as many messages lie there as before: with a publisher
/// and a consumer that know nothing of each other, a queue grows or is soon empty.
/// </summary>
internal static class Circulation
{
    /// <summary>Messages that are on their way, besides those that lie in the queue.</summary>
    public const int OnTheirWay = 1_000;

    private static readonly TimeSpan WarmUp = TimeSpan.FromSeconds(1);

    /// <param name="options">Queue and message; the queue has the messages that lie there and those that are to be on their way.</param>
    public static Point Run(Target target, PerfOptions options, int seconds)
    {
        using var run = new Run();
        using var connection = PerfConnection.Open(target.Address, "amqpbench");
        var message = new Message(options, run, queue: 0, connection.FrameMax);
        connection.Call<BasicQos, BasicQosOk>(new BasicQos(0, OnTheirWay, Global: false));
        connection.Send(PerfConnection.Channel, new BasicConsume(
            options.QueueName(0), "", NoLocal: false, NoAck: false, Exclusive: false, NoWait: true, FieldTable.Empty));
        Circulate(connection, message, WarmUp);
        var cpu = target.CpuSeconds;
        var took = Stopwatch.StartNew();
        var count = Circulate(connection, message, TimeSpan.FromSeconds(seconds));
        var perSecond = count / took.Elapsed.TotalSeconds;
        return new Point(perSecond, (target.CpuSeconds - cpu) * 1_000_000 / count, target.ResidentBytes);
    }

    /// <summary>What came in one read of the socket is published and acknowledged in one write.</summary>
    private static long Circulate(PerfConnection connection, Message message, TimeSpan time)
    {
        var answer = new SendBuffer();
        var count = 0L;
        for (var took = Stopwatch.StartNew(); took.Elapsed < time;)
        {
            connection.Receive();
            answer.Clear();
            var lastTag = 0UL;
            while (connection.TryRead(out var frame))
            {
                if (frame.Type != FrameType.Method || frame.MethodId != MethodId.BasicDeliver) continue;
                lastTag = MethodReader.Read<BasicDeliver>(frame).DeliveryTag;
                message.AppendTo(answer, Clock.Now);
                count++;
            }
            if (lastTag == 0) continue;
            FrameWriter.WriteMethod(answer, PerfConnection.Channel, new BasicAck(lastTag, Multiple: true));
            connection.Send(answer.Written);
        }
        return count;
    }
}
