using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Text;
using Amqp.Testing;
using AMQP.Net;

namespace Amqp.Limits.Tests;

/// <summary>
/// A client who does everything right beside others who do not: sends itself a message every few milliseconds, over a connection
/// for publishing and one for consuming, and remembers how long each was on its way.
/// </summary>
internal sealed class Neighbour : IAsyncDisposable
{
    private const string Queue = "neighbour";
    private const int MessagesMin = 200;

    // The first ones wait for the compiler.
    private const int WarmUp = 50;

    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(5);

    private readonly CancellationTokenSource _leaving = new();
    private readonly List<double> _tookMs = [];
    private readonly RawConnection _publisher;
    private readonly RawConnection _consumer;
    private Task _living = Task.CompletedTask;

    private Neighbour(RawConnection publisher, RawConnection consumer)
    {
        _publisher = publisher;
        _consumer = consumer;
    }

    /// <summary>What the 99th percentile may be: with other tests on the same machine, so long that only a client that waits for the bad
    /// client reaches it.</summary>
    public static TimeSpan Patience { get; } =
        int.TryParse(Environment.GetEnvironmentVariable("AMQP_TEST_P99_MS"), CultureInfo.InvariantCulture, out var set)
            ? TimeSpan.FromMilliseconds(set)
            : TimeSpan.FromSeconds(2);

    /// <summary>Moves in, and lives there from now on.</summary>
    public static async Task<Neighbour> Of(TestBroker broker)
    {
        var address = new IPEndPoint(IPAddress.Loopback, broker.Port);
        var neighbour = new Neighbour(await RawConnection.Open(address), await RawConnection.Open(address));
        await neighbour._publisher.OpenChannel(1);
        await neighbour._consumer.OpenChannel(1);
        await neighbour._consumer.Call<QueueDeclare, QueueDeclareOk>(
            1, new QueueDeclare(Queue, false, false, Exclusive: false, AutoDelete: true, false, FieldTable.Empty));
        await neighbour._consumer.Call<BasicConsume, BasicConsumeOk>(1, new BasicConsume(Queue, "", false, NoAck: true, false, false, FieldTable.Empty));
        neighbour._living = Task.Run(neighbour.Live);
        return neighbour;
    }

    /// <summary>Moves out; says how it was, and complains if it was bad.</summary>
    public async Task Ask()
    {
        await _leaving.CancelAsync();
        await _living;
        _tookMs.Sort();
        var p99 = _tookMs[(int)(_tookMs.Count * 0.99)];
        await TestContext.Out.WriteLineAsync(string.Create(
            CultureInfo.InvariantCulture, $"neighbour: {_tookMs.Count} messages, p50 {_tookMs[_tookMs.Count / 2]:0.0} ms, p99 {p99:0.0} ms, longest {_tookMs[^1]:0.0} ms"));
        Assert.That(p99, Is.LessThan(Patience.TotalMilliseconds));
    }

    public async ValueTask DisposeAsync()
    {
        await _publisher.DisposeAsync();
        await _consumer.DisposeAsync();
        _leaving.Dispose();
    }

    private async Task Live()
    {
        for (var message = 0; message < MessagesMin || !_leaving.IsCancellationRequested; message++)
        {
            var body = message.ToString(CultureInfo.InvariantCulture);
            var start = Stopwatch.GetTimestamp();
            await _publisher.Publish(1, "", Queue, body);
            var (_, content) = await _consumer.ExpectDelivery(1);
            if (message >= WarmUp) _tookMs.Add(Stopwatch.GetElapsedTime(start).TotalMilliseconds);
            Assert.That(Encoding.UTF8.GetString(content.Body), Is.EqualTo(body));
            await Task.Delay(Pause);
        }
    }
}
