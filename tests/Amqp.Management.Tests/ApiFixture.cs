using Amqp.Testing;
using RabbitMQ.Client;

namespace Amqp.Management.Tests;

/// <summary>Base of fixtures: the API on a broker's control socket, and clients of the broker.</summary>
internal abstract class ApiFixture : BrokerFixture
{
    private readonly List<IDisposable> _clients = [];

    /// <summary>The API of the broker that all share.</summary>
    protected static ControlApi Api => new(SharedBroker.Process!);

    /// <summary>A connection of a user that is ended with the test.</summary>
    protected async Task<IConnection> Connect(TestBroker? broker = null, string user = "guest", string password = "guest", string vhost = "/")
    {
        var factory = new ConnectionFactory
        {
            HostName = "127.0.0.1",
            Port = (broker ?? SharedBroker.Process!).Port,
            UserName = user,
            Password = password,
            VirtualHost = vhost,
            AutomaticRecoveryEnabled = false,
            ClientProvidedName = TestContext.CurrentContext.Test.Name,
        };
        var connection = await factory.CreateConnectionAsync();
        _clients.Add(connection);
        return connection;
    }

    [TearDown]
    public void EndClients()
    {
        foreach (var client in _clients) client.Dispose();
        _clients.Clear();
    }
}
