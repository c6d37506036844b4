using System.Net;
using System.Net.Sockets;

namespace Amqp.Ctl.Tests;

/// <summary>Listens on a free port and answers each connection with bytes given in advance, then closes it, or keeps silent.</summary>
internal sealed class ScriptedServer : IDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly byte[]? _answer;

    /// <param name="answer">What every client gets once it has sent something; null for silence.</param>
    public ScriptedServer(byte[]? answer)
    {
        _answer = answer;
        _listener.Start();
        _ = Serve();
    }

    public string Port => ((IPEndPoint)_listener.LocalEndpoint).Port.ToString(System.Globalization.CultureInfo.InvariantCulture);

    public void Dispose() => _listener.Dispose();

    private async Task Serve()
    {
        try
        {
            while (true)
            {
                using var client = await _listener.AcceptTcpClientAsync();
                await client.GetStream().ReadExactlyAsync(new byte[8]);
                if (_answer is not null) await client.GetStream().WriteAsync(_answer);
                else await client.GetStream().CopyToAsync(Stream.Null); // until the client gives up
            }
        }
        catch (Exception e) when (e is SocketException or IOException or ObjectDisposedException)
        {
            // The listener was disposed, or the client cut the connection: the test is over.
        }
    }
}
