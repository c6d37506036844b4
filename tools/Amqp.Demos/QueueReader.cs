using System.Globalization;
using System.Text;
using RabbitMQ.Client;
using RabbitMQ.Client.Events;

namespace Amqp.Demos;

/// <summary>Numbered messages: how they are written into bodies, and how all that lie in a queue are taken out of it.</summary>
internal static class QueueReader
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);

    public static byte[] Body(int number, int length = 0) =>
        Encoding.UTF8.GetBytes(number.ToString(CultureInfo.InvariantCulture).PadRight(length));

    public static int Number(ReadOnlyMemory<byte> body) => int.Parse(Encoding.UTF8.GetString(body.Span).TrimEnd(), CultureInfo.InvariantCulture);

    /// <summary>Takes everything out of a queue that nothing else uses, in the order in which it comes.</summary>
    /// <exception cref="DemoException">The broker counts more than it delivers.</exception>
    public static async Task<List<int>> TakeAll(IChannel channel, string queue, CancellationToken cancel)
    {
        var numbers = new List<int>();
        var count = (await channel.QueueDeclarePassiveAsync(queue, cancel)).MessageCount;
        if (count == 0) return numbers;

        var all = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var consumer = new AsyncEventingBasicConsumer(channel);
        consumer.ReceivedAsync += (_, delivery) =>
        {
            numbers.Add(Number(delivery.Body));
            if (numbers.Count == count) all.TrySetResult();
            return Task.CompletedTask;
        };
        await channel.BasicConsumeAsync(queue, autoAck: true, consumer, cancel);
        try
        {
            await all.Task.WaitAsync(Limit, cancel);
        }
        catch (TimeoutException)
        {
            throw new DemoException($"The broker says that {count} messages wait in '{queue}', and delivered {numbers.Count}.");
        }
        return numbers;
    }
}
