using System.Globalization;
using Amqp.Testing;
using RabbitMQ.Client;
using RabbitMQ.Client.Events;

namespace Amqp.Ctl.Tests.Live;

/// <summary>Base of fixtures that run the tool beside a broker of their own, and clients against that.</summary>
[Parallelizable(ParallelScope.Fixtures)]
public abstract class ToolFixture : BrokerFixture
{
    private readonly List<IConnection> _clients = [];

    private protected TestBroker Node { get; private set; } = null!;

    [SetUp]
    public async Task StartNode() => Node = await StartOwnBroker("--Node:Name=node@localhost");

    [TearDown]
    public async Task CloseClients()
    {
        foreach (var client in _clients) await client.DisposeAsync();
        _clients.Clear();
    }

    /// <summary>Runs the tool on the fixture's broker.</summary>
    private protected Task<ToolResult> Run(string line, string input = "") =>
        Tool.Run(Tool.Rabbitmqctl, Tool.Words(line), input, environment: Tool.BrokerIn(Node.Directory));

    /// <summary>Runs what must go well.</summary>
    private protected async Task<ToolResult> Do(string line, string input = "")
    {
        var result = await Run(line, input);
        Assert.That((result.Code, result.Error), Is.EqualTo((0, "")), $"{line}: {result}");
        return result;
    }

    private protected async Task<IConnection> Connect(string user = "guest", string password = "guest", string virtualHost = "/")
    {
        var factory = new ConnectionFactory
        {
            HostName = "127.0.0.1",
            Port = Node.Port,
            UserName = user,
            Password = password,
            VirtualHost = virtualHost,
            AutomaticRecoveryEnabled = false,
        };
        var client = await factory.CreateConnectionAsync();
        _clients.Add(client);
        return client;
    }

    /// <summary>The reason with which the broker ends a connection.</summary>
    private protected static Task<ShutdownEventArgs> Closed(IConnection client)
    {
        var closed = new TaskCompletionSource<ShutdownEventArgs>(TaskCreationOptions.RunContinuationsAsynchronously);
        client.ConnectionShutdownAsync += (_, reason) =>
        {
            closed.TrySetResult(reason);
            return Task.CompletedTask;
        };
        return closed.Task.WaitAsync(Patience.Answer);
    }

    private protected static string Line(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
