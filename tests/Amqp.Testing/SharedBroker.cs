using System.Net;
using System.Net.Sockets;

namespace Amqp.Testing;

/// <summary>
/// The broker that all tests of an assembly share: our process, or the oracle. An assembly declares it with
/// <code>[SetUpFixture] public sealed class Broker : SharedBroker;</code>
/// in its own namespace.
/// </summary>
public abstract class SharedBroker
{
    private static IPEndPoint? _address;

    /// <summary>Our process, null in oracle mode.</summary>
    public static TestBroker? Process { get; private set; }

    /// <summary>Where the broker listens.</summary>
    public static IPEndPoint Address =>
        _address ?? throw new InvalidOperationException("no [SetUpFixture] derived from SharedBroker has started a broker");

    [OneTimeSetUp]
    public async Task StartSharedBroker()
    {
        if (Oracle.Address is { } oracle)
        {
            await ExpectAmqp(oracle);
            await PrepareOracle();
            _address = oracle;
            return;
        }
        Process = await TestBroker.Start(Prepare);
        _address = new IPEndPoint(IPAddress.Loopback, Process.Port);
    }

    [OneTimeTearDown]
    public async Task StopSharedBroker()
    {
        if (Process is not { } broker) return;
        var exitCode = await broker.Stop();
        var trouble = broker.Log.TakeTrouble();
        await broker.DisposeAsync();
        Assert.That(trouble, Is.Empty, "what the broker logged while it stopped");
        Assert.That(exitCode, Is.Zero, "exit code of the broker after SIGTERM");
    }

    /// <summary>Puts into our broker's data directory what it is to find there when it starts.</summary>
    protected virtual void Prepare(string directory)
    {
    }

    /// <summary>Gives the oracle, which runs already, the same.</summary>
    protected virtual Task PrepareOracle() => Task.CompletedTask;

    /// <summary>A run against a server that is not there must fail at once, not test by test.</summary>
    private static async Task ExpectAmqp(IPEndPoint address)
    {
        using var socket = new Socket(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        using var deadline = new CancellationTokenSource(Patience.Answer);
        var answer = new byte[1];
        try
        {
            await socket.ConnectAsync(address, deadline.Token);
            await socket.SendAsync("AMQP\0\0\u0009\u0001"u8.ToArray(), deadline.Token);
            await socket.ReceiveAsync(answer, deadline.Token);
        }
        catch (Exception exception) when (exception is SocketException or OperationCanceledException)
        {
            Assert.Fail($"{Oracle.Variable} names {address}, which does not answer ({exception.Message}). Run tests/oracle/start.sh.");
        }
        Assert.That(answer[0], Is.EqualTo(1), $"first octet of the answer of {address}: a method frame");
    }
}
