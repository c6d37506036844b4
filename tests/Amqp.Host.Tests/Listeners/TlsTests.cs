using System.Globalization;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.RegularExpressions;
using Amqp.Testing;
using AMQP.Net;
using RabbitMQ.Client;

namespace Amqp.Host.Tests.Listeners;

/// <summary>The TLS listener of the real process.</summary>
internal sealed partial class TlsTests : BrokerFixture
{
    private const string AllMechanisms = "--Security:Mechanisms=PLAIN,AMQPLAIN,EXTERNAL";

    private readonly TestCertificates _certificates = new();
    private readonly List<IDisposable> _opened = [];

    [TearDown]
    public void Close()
    {
        foreach (var opened in _opened) opened.Dispose();
        _opened.Clear();
    }

    [OneTimeTearDown]
    public void Delete() => _certificates.Dispose();

    [Test]
    public async Task A_client_library_is_served_over_tls()
    {
        var (_, port) = await Start(Certificate(0, "server", "localhost"));
        var factory = new ConnectionFactory
        {
            HostName = "localhost",
            Port = port,
            Ssl = new SslOption("localhost") { Enabled = true, CertificateValidationCallback = (_, certificate, _, _) => IsTrusted((X509Certificate2)certificate!) },
        };
        await using var connection = await factory.CreateConnectionAsync();
        await using var channel = await connection.CreateChannelAsync();
        var queue = (await channel.QueueDeclareAsync()).QueueName;
        await channel.BasicPublishAsync("", queue, Encoding.UTF8.GetBytes(new string('x', 300_000)));
        Assert.That((await channel.BasicGetAsync(queue, autoAck: true))!.Body.Length, Is.EqualTo(300_000));
    }

    [TestCase(SslProtocols.Tls12)]
    [TestCase(SslProtocols.Tls13)]
    public async Task Both_versions_are_spoken(SslProtocols version)
    {
        var (_, port) = await Start(Certificate(0, "server", "localhost"));
        var stream = await Connect(port, "localhost", version: version);
        Assert.That((stream.SslProtocol, await IsGreeted(stream)), Is.EqualTo((version, true)));
    }

    [TestCase("localhost", "CN=server")]
    [TestCase("other.example", "CN=other")]
    [TestCase("unknown.example", "CN=server", Description = "the first, as good as any")]
    public async Task The_certificate_fits_the_name_that_the_client_asks_for(string name, string subject)
    {
        var (_, port) = await Start([.. Certificate(0, "server", "localhost"), .. Certificate(1, "other", "other.example")]);
        Assert.That((await Connect(port, name)).RemoteCertificate!.Subject, Does.StartWith(subject));
    }

    [Test]
    public async Task New_files_are_used_without_a_restart_and_broken_ones_are_not()
    {
        var (broker, port) = await Start(Certificate(0, "server", "localhost"));
        var before = (await Connect(port, "localhost")).RemoteCertificate!.GetCertHashString();
        _certificates.Make("server", "localhost").Dispose();
        var after = before;
        await Eventually.That(async () => after = (await Connect(port, "localhost")).RemoteCertificate!.GetCertHashString(), Is.Not.EqualTo(before));

        ExpectLog("TLS certificates have changed and cannot be loaded, the old ones stay in use: .*server.pem", broker);
        await File.WriteAllTextAsync(_certificates.PathOf("server"), "no certificate");
        await Eventually.True(async () =>
        {
            Assert.That((await Connect(port, "localhost")).RemoteCertificate!.GetCertHashString(), Is.EqualTo(after));
            return broker.Log.Missing().Count == 0;
        });
    }

    [TestCase("good", false, ExpectedResult = true)]
    [TestCase("good", true, ExpectedResult = true)]
    [TestCase("stranger", false, ExpectedResult = false)]
    [TestCase("stranger", true, ExpectedResult = false)]
    [TestCase("none", false, ExpectedResult = true)]
    [TestCase("none", true, ExpectedResult = false)]
    public async Task<bool> Clients_are_known_by_their_certificates(string who, bool isRequired)
    {
        string[] asking = [$"--Listeners:Amqps:ClientCaFile={_certificates.AuthorityFile}", $"--Listeners:Amqps:RequireClientCertificate={isRequired}"];
        var (broker, port) = await Start([.. Certificate(0, "server", "localhost"), .. asking]);
        if (who == "stranger" || (who == "none" && isRequired))
            ExpectLog("TLS handshake with 127.0.0.1:[0-9]+ failed: .* The client's certificate is missing, expired, or not signed by an authority in Listeners:Amqps:ClientCaFile", broker);
        using var certificate = who == "none" ? null : _certificates.Make(who, "client.example", isSelfSigned: who == "stranger");
        try
        {
            return await IsGreeted(await Connect(port, "localhost", certificate));
        }
        catch (Exception exception) when (exception is IOException or AuthenticationException)
        {
            return false;
        }
    }

    [TestCase("guest", "CommonName", true)]
    [TestCase("guest", "DistinguishedName", false)]
    [TestCase("nobody", "CommonName", false)]
    public async Task A_client_may_log_in_by_its_certificate(string name, string from, bool isLetIn)
    {
        string[] asking = [$"--Listeners:Amqps:ClientCaFile={_certificates.AuthorityFile}", $"--Listeners:Amqps:ClientNameFrom={from}", AllMechanisms];
        var (broker, port) = await Start([.. Certificate(0, "server", "localhost"), .. asking]);
        using var certificate = _certificates.Make(name, "client.example");
        var factory = new ConnectionFactory
        {
            Port = port,
            AuthMechanisms = [new ExternalMechanismFactory()],
            Ssl = new SslOption("localhost")
            {
                Enabled = true,
                Certs = [certificate],
                CertificateValidationCallback = (_, served, _, _) => IsTrusted((X509Certificate2)served!),
            },
        };
        if (isLetIn)
        {
            await using var connection = await factory.CreateConnectionAsync();
            Assert.That(connection.IsOpen, Is.True);
            var shown = (await new ControlApi(broker).List("connections"))[0];
            Assert.That(shown["ssl"]!.GetValue<bool>(), Is.True);
            Assert.That(shown["auth_mechanism"]!.GetValue<string>(), Is.EqualTo("EXTERNAL"));
            Assert.That(shown["ssl_protocol"]!.GetValue<string>(), Does.StartWith("tlsv1."));
            Assert.That(shown["ssl_hash"]!.GetValue<string>(), Is.EqualTo("aead"));
            Assert.That(shown["peer_cert_subject"]!.GetValue<string>(), Is.EqualTo($"CN={name},O=Test"));
            Assert.That(shown["peer_cert_validity"]!.GetValue<string>(), Does.Match("^20[0-9-]+T[0-9:]+Z - 20[0-9-]+T[0-9:]+Z$"));
            return;
        }
        ExpectLog($"EXTERNAL login refused: user '{(from == "CommonName" ? name : $"CN={name},O=Test")}' - invalid credentials", broker);
        var refusal = await Assert.ThrowsAsync<RabbitMQ.Client.Exceptions.BrokerUnreachableException>(async () => await factory.CreateConnectionAsync());
        Assert.That(refusal!.InnerException!.Message, Does.Contain("ACCESS_REFUSED - Login was refused using authentication mechanism EXTERNAL"));
    }

    /// <summary>As py-amqp does, which tries EXTERNAL wherever it is offered.</summary>
    [Test]
    public async Task A_client_with_a_certificate_logs_in_by_its_password_unless_external_is_switched_on()
    {
        var (_, port) = await Start([.. Certificate(0, "server", "localhost"), $"--Listeners:Amqps:ClientCaFile={_certificates.AuthorityFile}", "--Listeners:Amqps:RequireClientCertificate=true"]);
        using var certificate = _certificates.Make("no-user", "client.example");
        var factory = new ConnectionFactory
        {
            Port = port,
            AuthMechanisms = [new ExternalMechanismFactory(), new PlainMechanismFactory()],
            Ssl = new SslOption("localhost")
            {
                Enabled = true,
                Certs = [certificate],
                CertificateValidationCallback = (_, served, _, _) => IsTrusted((X509Certificate2)served!),
            },
        };
        await using var connection = await factory.CreateConnectionAsync();
        Assert.That(connection.IsOpen, Is.True);
    }

    [Test]
    public async Task Without_a_certificate_external_is_refused_and_without_authorities_it_is_not_offered()
    {
        var (broker, port) = await Start([.. Certificate(0, "server", "localhost"), $"--Listeners:Amqps:ClientCaFile={_certificates.AuthorityFile}", AllMechanisms]);
        ExpectLog("EXTERNAL login refused: the client presented no TLS", broker);
        var factory = new ConnectionFactory
        {
            Port = port,
            AuthMechanisms = [new ExternalMechanismFactory()],
            Ssl = new SslOption("localhost") { Enabled = true, CertificateValidationCallback = (_, served, _, _) => IsTrusted((X509Certificate2)served!) },
        };
        Assert.That(async () => await factory.CreateConnectionAsync(), Throws.InstanceOf<RabbitMQ.Client.Exceptions.BrokerUnreachableException>());
        factory.Ssl.Enabled = false;
        factory.Port = broker.Port;
        var refusal = await Assert.ThrowsAsync<RabbitMQ.Client.Exceptions.BrokerUnreachableException>(async () => await factory.CreateConnectionAsync());
        Assert.That($"{refusal!.InnerException}", Does.Contain("AMQPLAIN PLAIN").Or.Contain("No compatible authentication mechanism found"));
    }

    /// <summary>It asks for what cannot be delivered, and does not read that it gets all of it back.</summary>
    [Test]
    public async Task Who_does_not_read_over_tls_is_closed_after_a_while()
    {
        var (broker, port) = await Start([.. Certificate(0, "server", "localhost"), "--Limits:SendMs=1000"]);
        ExpectLog("has taken nothing of what it is sent for 1000 ms", broker);
        var stream = await Connect(port, "localhost");
        await stream.WriteAsync(ProtocolHeader.Bytes.ToArray());
        await stream.WriteAsync(RawConnection.Encode(0, new ConnectionStartOk(FieldTable.Empty, "PLAIN", RawConnection.Plain("guest", "guest"), "en_US")));
        await stream.WriteAsync(RawConnection.Encode(0, new ConnectionTuneOk(2047, 131_072, 0)));
        await stream.WriteAsync(RawConnection.Encode(0, new ConnectionOpen("/")));
        await stream.WriteAsync(RawConnection.Encode(1, default(ChannelOpen)));
        var output = new System.Buffers.ArrayBufferWriter<byte>();
        FrameWriter.WriteMethod(output, 1, new BasicPublish("", "nobody", Mandatory: true, Immediate: false));
        FrameWriter.WriteContent(output, 1, new byte[] { 0, 0 }, new byte[100_000], 131_072);
        using var deadline = new CancellationTokenSource(Patience.Start);
        Assert.That(
            async () =>
            {
                while (true) await stream.WriteAsync(output.WrittenMemory, deadline.Token);
            },
            Throws.InstanceOf<IOException>());
    }

    [TestCase("", "it has not come to its end within 500 ms. The client says nothing")]
    [TestCase("AMQP\0\0\u0009\u0001", "The client speaks AMQP without TLS: have it use TLS")]
    [TestCase("\u0016\u0003\u0001", "it has not come to its end within 500 ms. Does the client speak TLS 1.2 or 1.3")]
    [TestCase("GET / HTTP/1.1\r\n\r\n", "Does the client speak TLS 1.2 or 1.3")]
    public async Task Who_does_not_begin_with_tls_is_disconnected_and_told_of(string first, string told)
    {
        var (broker, port) = await Start([.. Certificate(0, "server", "localhost"), "--Listeners:Amqps:HandshakeMs=500"]);
        ExpectLog($"TLS handshake with 127.0.0.1:[0-9]+ failed: .*{Regex.Escape(told)}", broker);
        using var client = new TcpClient("127.0.0.1", port);
        await client.GetStream().WriteAsync(Encoding.Latin1.GetBytes(first));
        Assert.That(await ReadToEnd(client.GetStream()), Does.Not.Contain("AMQP"));
    }

    [TestCase("-tls1_2")]
    [TestCase("-tls1_3")]
    public async Task A_client_that_does_not_trust_the_certificate_is_told_of_with_advice(string version)
    {
        if (!Command.Exists("openssl")) Assert.Ignore("openssl is missing (Debian's package openssl)");
        var (broker, port) = await Start(Certificate(0, "server", "localhost"));
        ExpectLog("TLS handshake with 127.0.0.1:[0-9]+ failed: .* The client refuses: does it trust the authority of the certificate", broker);
        // A client on .NET finishes the handshake first, and then leaves without a word.
        var (exitCode, text) = await Command.Run("openssl", ["s_client", "-connect", $"127.0.0.1:{port}", version, "-verify_return_error"], Patience.Answer);
        Assert.That(exitCode, Is.Not.Zero, text);
    }

    [Test]
    public async Task However_many_fail_there_is_one_line_and_who_only_looks_at_the_port_makes_none()
    {
        var (broker, port) = await Start(Certificate(0, "server", "localhost"));
        for (var client = 0; client < 100; client++)
        {
            using var looking = new TcpClient("127.0.0.1", port);
        }
        ExpectLog("TLS handshake with 127.0.0.1:[0-9]+ failed: .* \\(0 more since the last such line\\)", broker);
        for (var client = 0; client < 50; client++)
        {
            using var wrong = new TcpClient("127.0.0.1", port);
            await wrong.GetStream().WriteAsync(ProtocolHeader.Bytes.ToArray());
            await ReadToEnd(wrong.GetStream());
        }
        Assert.That(broker.Log.Lines.Count(line => line.Contains("TLS handshake", StringComparison.Ordinal)), Is.EqualTo(1));
    }

    [TestCase("--Listeners:Amqps:Certificates:0:File=/nowhere.pem", "The TLS certificate '/nowhere.pem' cannot be used")]
    [TestCase("--Listeners:Amqps:Certificates:0:Path=x", "Option 'Listeners:Amqps:Certificates:0:Path' is not known. Known here: ")]
    [TestCase("--Listeners:Amqps:RequireClientCertificate=true", "Option 'Listeners:Amqps:ClientCaFile' is ''")]
    public void What_cannot_be_used_is_said_at_the_start(string option, string message) =>
        Assert.That(async () => await TestBroker.Start(option), Throws.InstanceOf<AssertionException>().With.Message.Contains(message));

    private string[] Certificate(int index, string name, string host)
    {
        _certificates.Make(name, host).Dispose();
        return
        [
            $"--Listeners:Amqps:Certificates:{index}:File={_certificates.PathOf(name)}",
            $"--Listeners:Amqps:Certificates:{index}:KeyFile={_certificates.PathOf($"{name}-key")}",
        ];
    }

    private async Task<(TestBroker Broker, int Port)> Start(params string[] options)
    {
        var broker = await StartOwnBroker([.. options, "--Listeners:Amqps:Port=0", "--Listeners:Amqps:Address=127.0.0.1"]);
        var line = broker.Log.Lines.Select(line => Listening().Match(line)).First(match => match.Success);
        return (broker, int.Parse(line.Groups["port"].Value, CultureInfo.InvariantCulture));
    }

    private async Task<SslStream> Connect(int port, string name, X509Certificate2? certificate = null, SslProtocols version = SslProtocols.None)
    {
        var client = new TcpClient("127.0.0.1", port);
        _opened.Add(client);
        var stream = new SslStream(client.GetStream());
        _opened.Add(stream);
        await stream.AuthenticateAsClientAsync(new SslClientAuthenticationOptions
        {
            TargetHost = name,
            EnabledSslProtocols = version,
            ClientCertificates = certificate is null ? null : [certificate],
            RemoteCertificateValidationCallback = (_, served, _, _) => IsTrusted((X509Certificate2)served!), // whatever its name
        });
        return stream;
    }

    private bool IsTrusted(X509Certificate2 certificate)
    {
        using var chain = new X509Chain { ChainPolicy = _certificates.Trust };
        return chain.Build(certificate);
    }

    private static async Task<string> ReadToEnd(NetworkStream stream)
    {
        using var deadline = new CancellationTokenSource(Patience.Answer);
        using var all = new MemoryStream();
        try
        {
            await stream.CopyToAsync(all, deadline.Token);
        }
        catch (IOException)
        {
            // Reset: as good.
        }
        return Encoding.Latin1.GetString(all.ToArray());
    }

    /// <summary>The broker says connection.start.</summary>
    private static async Task<bool> IsGreeted(SslStream stream)
    {
        await stream.WriteAsync(ProtocolHeader.Bytes.ToArray());
        using var deadline = new CancellationTokenSource(Patience.Answer);
        var first = new byte[1];
        return await stream.ReadAsync(first, deadline.Token) == 1 && first[0] == (byte)FrameType.Method;
    }

    [GeneratedRegex(@"AMQPS listening on 127\.0\.0\.1:(?<port>\d+)", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Listening();
}
