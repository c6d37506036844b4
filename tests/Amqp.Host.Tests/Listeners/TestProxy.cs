using System.Net;
using System.Net.Sockets;

namespace Amqp.Host.Tests.Listeners;

/// <summary>A proxy: passes connections on, behind a header.</summary>
internal sealed class TestProxy : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _ending = new();
    private readonly Task _accepting;

    /// <param name="port">To which, on this host.</param>
    /// <param name="header">Sent first on each connection.</param>
    public TestProxy(int port, byte[] header)
    {
        _listener.Start();
        _accepting = Accept(port, header);
    }

    public int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

    public async ValueTask DisposeAsync()
    {
        await _ending.CancelAsync();
        _listener.Stop();
        await _accepting;
        _ending.Dispose();
    }

    private async Task Accept(int port, byte[] header)
    {
        var passing = new List<Task>();
        try
        {
            while (true) passing.Add(Pass(await _listener.AcceptTcpClientAsync(_ending.Token), port, header));
        }
        catch (OperationCanceledException)
        {
            await Task.WhenAll(passing);
        }
    }

    private async Task Pass(TcpClient client, int port, byte[] header)
    {
        using (client)
        using (var broker = new TcpClient("127.0.0.1", port))
        {
            await broker.GetStream().WriteAsync(header);
            try
            {
                await Task.WhenAny(
                    client.GetStream().CopyToAsync(broker.GetStream(), _ending.Token),
                    broker.GetStream().CopyToAsync(client.GetStream(), _ending.Token));
            }
            catch (Exception exception) when (exception is IOException or OperationCanceledException)
            {
                // One side has gone, and so does the other.
            }
        }
    }
}
