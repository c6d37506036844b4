using System.Globalization;
using System.Net;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.RegularExpressions;
using Amqp.Testing;
using AMQP.Net;
using RabbitMQ.Client;

namespace Amqp.Host.Tests.Listeners;

/// <summary>The real process behind a proxy.</summary>
internal sealed partial class ProxyTests : BrokerFixture
{
    private const string Near = "PROXY TCP4 127.0.0.1 198.51.100.1 50312 5672\r\n";
    private const string Far = "PROXY TCP4 192.0.2.7 198.51.100.1 50312 5672\r\n";
    private const string Opened = "127.0.0.1:50312 -> 198.51.100.1:5672: user 'guest' authenticated and granted access to vhost '/'";

    [Test]
    public async Task Clients_count_as_coming_from_where_the_header_says()
    {
        var broker = await Start();
        await using (var connection = await Connect(broker))
        {
            // The header and the first bytes of AMQP in one segment.
            await connection.SendBytes((byte[])[.. Encoding.ASCII.GetBytes(Near), .. ProtocolHeader.Bytes]);
            await LogIn(connection);
        }
        await Eventually.True(() => Task.FromResult(broker.Log.Lines.Any(line => line.Contains(Opened, StringComparison.Ordinal))));

        ExpectLog("connection 192.0.2.7:50312 -> 198.51.100.1:5672: PLAIN login refused: .*user 'guest' can only connect via localhost", broker);
        await using var far = await Connect(broker);
        await far.SendBytes((byte[])[.. Encoding.ASCII.GetBytes(Far), .. ProtocolHeader.Bytes]);
        await far.Expect<ConnectionStart>(0);
        await far.SendStartOk();
        await far.ExpectConnectionClose(ReplyCode.AccessRefused, "ACCESS_REFUSED - Login was refused using authentication mechanism PLAIN. For details see the broker logfile.");
    }

    [Test]
    public async Task Byte_by_byte_it_is_the_same()
    {
        var broker = await Start();
        await using var connection = await Connect(broker);
        foreach (var octet in (byte[])[.. Encoding.ASCII.GetBytes(Near), .. ProtocolHeader.Bytes]) await connection.SendBytes(new[] { octet });
        await LogIn(connection);
    }

    [TestCase("PROXY UNKNOWN\r\n")]
    [TestCase("\r\n\r\n\0\r\nQUIT\n\u0020\0\0\0")]
    [TestCase("\r\n\r\n\0\r\nQUIT\n\u0021\0\0\0")]
    public async Task Where_it_does_not_say_the_socket_does(string header)
    {
        var broker = await Start();
        await using var connection = await Connect(broker);
        await connection.SendBytes((byte[])[.. Encoding.Latin1.GetBytes(header), .. ProtocolHeader.Bytes]);
        await LogIn(connection);
        await Eventually.True(() => Task.FromResult(broker.Log.Lines.Any(line => SocketOpened().IsMatch(line))));
    }

    [TestCase("AMQP\0\0\u0009\u0001", "it does not begin with one")]
    [TestCase("PROXY TCP4 nowhere", "none has come within 500 ms")]
    [TestCase("", "none has come within 500 ms")]
    public async Task Without_a_header_no_client_is_served(string first, string reason)
    {
        var broker = await Start("--Limits:HandshakeMs=500");
        ExpectLog($"Closed a connection from 127.0.0.1:[0-9]+ without a valid PROXY header: {reason}", broker);
        await using var connection = await Connect(broker);
        await connection.SendBytes(Encoding.Latin1.GetBytes(first));
        Assert.That(await ReadToEnd(connection), Is.Zero, "frames of an answer");
    }

    [Test]
    public async Task Who_only_looks_whether_the_port_is_open_is_not_told_of_and_others_once()
    {
        var broker = await Start();
        for (var client = 0; client < 50; client++) await (await Connect(broker)).DisposeAsync();
        ExpectLog("without a valid PROXY header: it does not begin with one .0 more", broker);
        for (var client = 0; client < 50; client++)
        {
            await using var connection = await Connect(broker);
            await connection.SendBytes(ProtocolHeader.Bytes.ToArray());
            await ReadToEnd(connection);
        }
        Assert.That(broker.Log.Lines.Count(line => line.Contains("PROXY", StringComparison.Ordinal)), Is.EqualTo(1));
    }

    [Test]
    public async Task A_client_library_is_served_through_a_proxy_without_tls_and_with()
    {
        using var certificates = new TestCertificates();
        certificates.Make("server", "localhost").Dispose();
        var broker = await Start(
            "--Listeners:Amqps:ProxyProtocol=true",
            "--Listeners:Amqps:Port=0",
            $"--Listeners:Amqps:Certificates:0:File={certificates.PathOf("server")}",
            $"--Listeners:Amqps:Certificates:0:KeyFile={certificates.PathOf("server-key")}");
        var tlsPort = int.Parse(broker.Log.Lines.Select(line => TlsListening().Match(line)).First(match => match.Success).Groups["port"].Value, CultureInfo.InvariantCulture);
        byte[] header =
        [
            .. "\r\n\r\n\0\r\nQUIT\n"u8, 0x21, 0x21, 0, 36, .. IPAddress.IPv6Loopback.GetAddressBytes(), .. IPAddress.Parse("2001:db8::1").GetAddressBytes(), 0xC4, 0x88, 0x16, 0x27,
        ];
        foreach (var isTls in (bool[])[false, true])
        {
            await using var proxy = new TestProxy(isTls ? tlsPort : broker.Port, header);
            var factory = new ConnectionFactory
            {
                HostName = "127.0.0.1",
                Port = proxy.Port,
                ClientProvidedName = isTls ? "with" : "without",
                Ssl = new SslOption("localhost") { Enabled = isTls, CertificateValidationCallback = (_, served, _, _) => IsTrusted((X509Certificate2)served!) },
            };
            await using var connection = await factory.CreateConnectionAsync();
            await using var channel = await connection.CreateChannelAsync();
            var queue = (await channel.QueueDeclareAsync()).QueueName;
            await channel.BasicPublishAsync("", queue, new byte[300_000]);
            Assert.That((await channel.BasicGetAsync(queue, autoAck: true))!.Body.Length, Is.EqualTo(300_000));
            var opened = $"[::1]:50312 -> [2001:db8::1]:5671 - {factory.ClientProvidedName}: user 'guest' authenticated";
            await Eventually.True(() => Task.FromResult(broker.Log.Lines.Any(line => line.Contains(opened, StringComparison.Ordinal))));
        }

        bool IsTrusted(X509Certificate2 certificate)
        {
            using var chain = new X509Chain { ChainPolicy = certificates.Trust };
            return chain.Build(certificate);
        }
    }

    private async Task<TestBroker> Start(params string[] options) => await StartOwnBroker(["--Listeners:Amqp:ProxyProtocol=true", .. options]);

    private static Task<RawConnection> Connect(TestBroker broker) => RawConnection.Connect(new IPEndPoint(IPAddress.Loopback, broker.Port));

    private static async Task LogIn(RawConnection connection)
    {
        await connection.Expect<ConnectionStart>(0);
        await connection.Login();
        await connection.TuneAndOpen();
    }

    private static async Task<int> ReadToEnd(RawConnection connection)
    {
        try
        {
            return (await connection.ReadToEnd()).Count;
        }
        catch (IOException)
        {
            return 0; // reset
        }
    }

    [GeneratedRegex(@"connection 127\.0\.0\.1:\d+ -> 127\.0\.0\.1:\d+: user 'guest' authenticated", RegexOptions.None, matchTimeoutMilliseconds: 1000)]
    private static partial Regex SocketOpened();

    [GeneratedRegex(@"AMQPS listening on 127\.0\.0\.1:(?<port>\d+)", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex TlsListening();
}
