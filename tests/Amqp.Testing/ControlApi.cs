using System.Net.Sockets;

namespace Amqp.Testing;

/// <summary>A client of the API on a broker's control socket.</summary>
public sealed class ControlApi(TestBroker broker) : ApiClient
{
    public string SocketPath { get; } = Path.Combine(broker.Directory, "control.sock");

    protected override HttpClient NewClient() => new(new SocketsHttpHandler
    {
        ConnectCallback = async (_, cancel) =>
        {
            var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
            try
            {
                await socket.ConnectAsync(new UnixDomainSocketEndPoint(SocketPath), cancel);
                return new NetworkStream(socket, ownsSocket: true);
            }
            catch
            {
                socket.Dispose();
                throw;
            }
        },
    })
    {
        BaseAddress = new Uri("http://localhost/"),
    };
}
