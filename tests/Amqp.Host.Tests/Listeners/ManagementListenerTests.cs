using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using Amqp.Testing;

namespace Amqp.Host.Tests.Listeners;

/// <summary>The management port of the real process.</summary>
internal sealed class ManagementListenerTests : BrokerFixture
{
    [Test]
    public async Task With_a_certificate_the_port_speaks_https_and_nothing_else()
    {
        using var certificates = new TestCertificates();
        certificates.Make("server", "localhost").Dispose();
        var broker = await StartOwnBroker(
            $"--Listeners:Management:Tls:Certificates:0:File={certificates.PathOf("server")}", $"--Listeners:Management:Tls:Certificates:0:KeyFile={certificates.PathOf("server-key")}");
        var trusting = new SslClientAuthenticationOptions { CertificateChainPolicy = certificates.Trust };
        Assert.That((await new HttpApi(broker, handler: () => new SocketsHttpHandler { SslOptions = trusting }).Get("whoami"))["name"]!.GetValue<string>(), Is.EqualTo("guest"));
        var expiring = await new ControlApi(broker).Get("health/checks/certificate-expiration/100/years");
        Assert.That((expiring.Status, expiring["reason"]!.GetValue<string>()), Is.EqualTo((HttpStatusCode.ServiceUnavailable, "Certificates expiring")));
        Assert.That(expiring["expired"]!.AsArray().Single()!["certfile"]!.GetValue<string>(), Is.EqualTo(certificates.PathOf("server")));
        Assert.That(async () => await new HttpApi(broker).Get("whoami"), Throws.InstanceOf<HttpRequestException>());
        Assert.That((await new ControlApi(broker).Get("overview"))["listeners"]!.AsArray().Select(listener => listener!["protocol"]!.GetValue<string>()), Has.One.EqualTo("https"));
    }

    [Test]
    public async Task The_port_can_be_left_out()
    {
        var broker = await StartOwnBroker("--Listeners:Management:Enabled=false");
        Assert.That(broker.ManagementPort, Is.Zero);
        Assert.That((await new ControlApi(broker).Get("whoami")).Status, Is.EqualTo(HttpStatusCode.OK));
    }

    [Test]
    public async Task A_port_that_is_taken_is_told_of_with_what_can_be_done()
    {
        using var other = new TcpListener(IPAddress.Loopback, 0);
        other.Start();
        var broker = await StartOwnBroker("--Listeners:Management:Connections=500");
        await broker.Stop();
        ExpectLog($"amqpd cannot start: cannot listen on HTTP {other.LocalEndpoint}: Address already in use. .*--Listeners:Management:Port=<port>", broker);
        broker.Give($"--Listeners:Management:Port={((IPEndPoint)other.LocalEndpoint).Port}");
        broker.Begin();
        Assert.That(await broker.End(Patience.Start), Is.EqualTo(1));
    }

    [Test]
    public async Task Clients_that_take_all_connections_do_not_shut_operators_out()
    {
        var broker = await StartOwnBroker("--Listeners:Management:Connections=2");
        ExpectLog("2 connections are open to the management port, so the one of 127.0.0.1:[0-9]+ is closed", broker);
        using var first = new TcpClient("127.0.0.1", broker.ManagementPort);
        using var second = new TcpClient("127.0.0.1", broker.ManagementPort);
        Assert.That(async () => await new HttpApi(broker).Get("whoami"), Throws.InstanceOf<HttpRequestException>());
        Assert.That((await new ControlApi(broker).Get("whoami")).Status, Is.EqualTo(HttpStatusCode.OK));
        first.Close();
        await Eventually.True(async () =>
        {
            try
            {
                return (await new HttpApi(broker).Get("whoami")).Status == HttpStatusCode.OK;
            }
            catch (HttpRequestException)
            {
                return false; // the broker has not heard of it yet
            }
        });
    }
}
