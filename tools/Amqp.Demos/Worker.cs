using System.Globalization;
using System.Net;
using System.Text;
using System.Threading.Channels;
using RabbitMQ.Client;
using RabbitMQ.Client.Events;

namespace Amqp.Demos;

/// <summary>
/// A consumer of orders, run as a process of its own so that it can be killed. It tells on its standard output, one line each,
/// which order it received, when it charged the customer's card, and when it was done with the order.
/// </summary>
internal static class Worker
{
    /// <summary>Half of the work on an order: first the card is charged, then the parcel is sent.</summary>
    public static readonly TimeSpan HalfOfTheWork = TimeSpan.FromMilliseconds(75);

    /// <summary>A worker that has had nothing to do for so long goes home.</summary>
    private static readonly TimeSpan IdleLimit = TimeSpan.FromSeconds(1);

    /// <summary>The arguments that make this program a worker.</summary>
    public static string[] Arguments(IPEndPoint broker, string queue, ushort? prefetch) =>
        ["worker", broker.ToString(), queue, prefetch?.ToString(CultureInfo.InvariantCulture) ?? "automatic"];

    public static async Task<int> Run(string[] arguments)
    {
        if (arguments is not [var address, var queue, var acknowledgement]) return 64;
        var broker = IPEndPoint.Parse(address);
        var automatic = acknowledgement == "automatic";

        await using var connection = await new ConnectionFactory { HostName = broker.Address.ToString(), Port = broker.Port }.CreateConnectionAsync("worker");
        await using var channel = await connection.CreateChannelAsync();
        if (!automatic) await channel.BasicQosAsync(0, ushort.Parse(acknowledgement, CultureInfo.InvariantCulture), global: false);

        // What arrives lies on the desk until the worker gets to it; that pile is what dies with the process.
        var desk = Channel.CreateUnbounded<(string Order, ulong Tag)>();
        var consumer = new AsyncEventingBasicConsumer(channel);
        consumer.ReceivedAsync += async (_, delivery) =>
        {
            var order = Encoding.UTF8.GetString(delivery.Body.Span);
            Console.WriteLine(delivery.Redelivered ? $"redelivered {order}" : $"received {order}");
            await desk.Writer.WriteAsync((order, delivery.DeliveryTag));
        };
        await channel.BasicConsumeAsync(queue, automatic, consumer);

        while (await Next(desk.Reader) is { } next)
        {
            await Task.Delay(HalfOfTheWork);
            Console.WriteLine($"charged {next.Order}");
            await Task.Delay(HalfOfTheWork);
            if (!automatic) await channel.BasicAckAsync(next.Tag, multiple: false);
            Console.WriteLine($"done {next.Order}");
        }
        return 0;
    }

    private static async Task<(string Order, ulong Tag)?> Next(ChannelReader<(string Order, ulong Tag)> desk)
    {
        using var idle = new CancellationTokenSource(IdleLimit);
        try
        {
            return await desk.ReadAsync(idle.Token);
        }
        catch (OperationCanceledException)
        {
            return null;
        }
    }
}
