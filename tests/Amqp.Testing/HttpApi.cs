using System.Net.Http.Headers;
using System.Text;

namespace Amqp.Testing;

/// <summary>A client of the API on a broker's TCP port.</summary>
/// <param name="user">Null: it does not log in.</param>
/// <param name="handler">For TLS; null: plain HTTP.</param>
public sealed class HttpApi(TestBroker broker, string? user = "guest", string password = "guest", Func<HttpMessageHandler>? handler = null) : ApiClient
{
    protected override HttpClient NewClient()
    {
        var client = new HttpClient(handler?.Invoke() ?? new SocketsHttpHandler())
        {
            BaseAddress = new Uri($"{(handler is null ? "http://127.0.0.1" : "https://localhost")}:{broker.ManagementPort}/"),
        };
        if (user is not null) client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes($"{user}:{password}")));
        return client;
    }
}
