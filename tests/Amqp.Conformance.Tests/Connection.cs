using System.Text;
using Amqp.Conformance.Tests.Support;
using Amqp.Testing;
using AMQP.Net;
using RabbitMQ.Client.Exceptions;

namespace Amqp.Conformance.Tests;

/// <summary>The connection class: protocol header, authentication, negotiation, heartbeats, open and close.</summary>
[Same]
public sealed class ConnectionTests : ConformanceFixture
{
    private static readonly FieldTable NoCapabilities = FieldTable.Empty;

    [Test]
    public async Task The_server_opens_with_its_version_mechanisms_and_locales()
    {
        await using var raw = await RawConnection.Connect(Broker);
        var start = await raw.Start();
        Assert.That((start.VersionMajor, start.VersionMinor), Is.EqualTo(((byte)0, (byte)9)));
        Assert.That(start.Mechanisms.Split(' '), Is.EquivalentTo(["PLAIN", "AMQPLAIN"]));
        Assert.That(start.Locales, Is.EqualTo("en_US"));
    }

    [Test]
    public async Task The_server_tells_who_it_is()
    {
        await using var raw = await RawConnection.Connect(Broker);
        var properties = (await raw.Start()).ServerProperties;
        foreach (var name in (string[])["cluster_name", "copyright", "information", "platform", "product", "version"])
        {
            Assert.That(properties.TryGet(name, out var value), Is.True, name);
            Assert.That((value.Type, value.AsText), Is.Not.EqualTo((FieldType.LongString, "")), name);
        }
        properties.TryGet("version", out var version);
        Assert.That(Version.TryParse(version.AsText, out _), Is.True, $"clients compare the version: {version.AsText}");
    }

    /// <summary>What kombu's <c>qos_semantics_matches_spec</c> asks, before Celery raises the prefetch for each task with an ETA.</summary>
    [Test]
    public async Task Clients_that_ask_for_RabbitMQ_from_3_3_on_find_it()
    {
        await using var raw = await RawConnection.Connect(Broker);
        var properties = (await raw.Start()).ServerProperties;
        Assert.That(properties.TryGet("product", out var product) && product.AsText == "RabbitMQ", Is.True, product.AsText);
        Assert.That(properties.TryGet("version", out var version) && Version.Parse(version.AsText) >= new Version(3, 3), Is.True, version.AsText);
    }

    [TestCase("publisher_confirms")]
    [TestCase("exchange_exchange_bindings")]
    [TestCase("basic.nack")]
    [TestCase("consumer_cancel_notify")]
    [TestCase("connection.blocked")]
    [TestCase("consumer_priorities")]
    [TestCase("authentication_failure_close")]
    [TestCase("per_consumer_qos")]
    [TestCase("direct_reply_to")]
    public async Task The_server_tells_what_it_can(string capability) => Assert.That(await Capabilities(), Does.Contain(capability));

    [Test]
    public async Task The_server_claims_nothing_else()
    {
        Assert.That(await Capabilities(), Is.SubsetOf(
        [
            "publisher_confirms", "exchange_exchange_bindings", "basic.nack", "consumer_cancel_notify", "connection.blocked",
            "consumer_priorities", "authentication_failure_close", "per_consumer_qos", "direct_reply_to",
        ]));
    }

    private static async Task<IEnumerable<string>> Capabilities()
    {
        await using var raw = await RawConnection.Connect(Broker);
        Assert.That((await raw.Start()).ServerProperties.TryGet("capabilities", out var capabilities), Is.True);
        return capabilities.AsTable.Where(field => field.Value == FieldValue.From(true)).Select(field => field.Key);
    }

    [Test]
    public async Task The_limits_proposed_are_2047_channels_128_KiB_and_60_seconds()
    {
        await using var raw = await RawConnection.Connect(Broker);
        await raw.Start();
        Assert.That(await raw.Login(), Is.EqualTo(new ConnectionTune(2047, 131072, 60)));
    }

    // Against another server's header or none the stream ends after ours.
    [TestCase("AMQP\0\0\u0009\u0002")]
    [TestCase("AMQP\0\0\u0008\0")]
    [TestCase("AMQP\u0009\u0009\u0009\u0009")]
    [TestCase("GET / HTTP/1.1\r\n\r\n")]
    [TestCase("........")]
    public async Task Another_protocol_header_is_answered_with_the_right_one(string header)
    {
        await using var raw = await RawConnection.Connect(Broker);
        await raw.SendBytes(Encoding.Latin1.GetBytes(header));
        Assert.That(await raw.ReadBytes(ProtocolHeader.Size), Is.EqualTo(ProtocolHeader.Bytes.ToArray()));
        await raw.ExpectEnd();
    }

    [Test]
    public async Task The_header_of_AMQP_0_9_is_accepted()
    {
        await using var raw = await RawConnection.Connect(Broker);
        await raw.SendBytes("AMQP\u0001\u0001\0\u0009"u8.ToArray());
        var start = await raw.Expect<ConnectionStart>(0);
        Assert.That((start.VersionMajor, start.VersionMinor), Is.EqualTo(((byte)0, (byte)9)));
    }

    [Test]
    public async Task The_header_and_all_that_follows_may_come_octet_by_octet()
    {
        await using var raw = await RawConnection.Connect(Broker);
        await ByOctets(ProtocolHeader.Bytes.ToArray());
        await raw.Expect<ConnectionStart>(0);
        await ByOctets(RawConnection.Encode(0, new ConnectionStartOk(FieldTable.Empty, "PLAIN", RawConnection.Plain("guest", "guest"), "en_US")));
        await raw.Expect<ConnectionTune>(0);
        await ByOctets([.. RawConnection.Encode(0, new ConnectionTuneOk(0x7ff, 131072, 0)), .. RawConnection.Encode(0, new ConnectionOpen("/"))]);
        await raw.Expect<ConnectionOpenOk>(0);

        async Task ByOctets(byte[] bytes)
        {
            foreach (var octet in bytes) await raw.SendBytes(new[] { octet });
        }
    }

    [Test]
    public async Task The_whole_handshake_may_come_at_once()
    {
        await using var raw = await RawConnection.Connect(Broker);
        await raw.SendBytes((byte[])
        [
            .. ProtocolHeader.Bytes,
            .. RawConnection.Encode(0, new ConnectionStartOk(FieldTable.Empty, "PLAIN", RawConnection.Plain("guest", "guest"), "en_US")),
            .. RawConnection.Encode(0, new ConnectionTuneOk(2047, 131072, 0)),
            .. RawConnection.Encode(0, new ConnectionOpen("/")),
            .. RawConnection.Encode(7, default(ChannelOpen)),
        ]);
        await raw.Expect<ConnectionStart>(0);
        await raw.Expect<ConnectionTune>(0);
        await raw.Expect<ConnectionOpenOk>(0);
        await raw.Expect<ChannelOpenOk>(7);
    }

    [Test]
    public async Task AMQPLAIN_logs_in()
    {
        await using var raw = await RawConnection.Connect(Broker);
        await raw.Start();
        await raw.Login("AMQPLAIN", RawConnection.AmqPlain("guest", "guest"));
        await raw.TuneAndOpen();
    }

    [TestCase("PLAIN", "guest", "wrong")]
    [TestCase("PLAIN", "guest", "")]
    [TestCase("PLAIN", "nobody", "guest")]
    [TestCase("AMQPLAIN", "guest", "wrong")]
    [TestCase("AMQPLAIN", "nobody", "guest")]
    public async Task A_wrong_login_is_refused_with_403_to_a_client_that_can_take_it(string mechanism, string user, string password)
    {
        ExpectLog($"{mechanism} login refused: user '{user}'");
        await using var raw = await RawConnection.Connect(Broker);
        await raw.Start();
        await raw.SendStartOk(mechanism, mechanism == "PLAIN" ? RawConnection.Plain(user, password) : RawConnection.AmqPlain(user, password));
        await raw.ExpectConnectionClose(
            ReplyCode.AccessRefused,
            $"ACCESS_REFUSED - Login was refused using authentication mechanism {mechanism}. For details see the broker logfile.");
    }

    [Test]
    public async Task A_wrong_login_ends_the_stream_of_a_client_that_cannot_take_a_close()
    {
        ExpectLog("PLAIN login refused: user 'guest'");
        await using var raw = await RawConnection.Connect(Broker);
        await raw.Start();
        await raw.SendStartOk(response: RawConnection.Plain("guest", "wrong"), capabilities: NoCapabilities);
        await raw.ExpectEnd();
    }

    [Test]
    public async Task RabbitMQ_Client_knows_a_wrong_login_when_it_sees_one()
    {
        ExpectLog("PLAIN login refused: user 'guest'");
        await Assert.ThatAsync(
            () => Connect(factory => factory.Password = "wrong"),
            Throws.TypeOf<BrokerUnreachableException>().With.InnerException.InstanceOf<AuthenticationFailureException>());
    }

    [TestCase("CRAM-MD5", "guest")]
    [TestCase("", "")]
    [TestCase("plain", "\0guest\0guest")]
    [TestCase("PLAIN", "guest")]
    [TestCase("PLAIN", "")]
    [TestCase("PLAIN", "\0guest")]
    [TestCase("PLAIN", "other\0guest\0guest", Description = "to act for another one")]
    [TestCase("PLAIN", "\0guest\0guest\0")]
    [TestCase("AMQPLAIN", "\0guest\0guest")]
    public async Task A_mechanism_or_response_that_is_none_ends_the_connection(string mechanism, string response)
    {
        await using var raw = await RawConnection.Connect(Broker);
        await raw.Start();
        await raw.SendStartOk(mechanism, Bytes(response));
        Assert.That((await raw.ReadToEnd()).Select(frame => frame.ToString()), Has.None.StartsWith("connection.tune "));
    }

    [Test, Ours]
    public async Task An_unknown_mechanism_is_refused_with_503_at_once()
    {
        await using var raw = await RawConnection.Connect(Broker);
        await raw.Start();
        await raw.SendStartOk("CRAM-MD5");
        await raw.ExpectConnectionClose(
            ReplyCode.CommandInvalid, "COMMAND_INVALID - unknown authentication mechanism 'CRAM-MD5'", MethodId.ConnectionStartOk);
    }

    [Test]
    public async Task An_unknown_virtual_host_is_refused_with_530()
    {
        await using var raw = await RawConnection.Connect(Broker);
        await raw.Start();
        await raw.Login();
        await raw.Send(0, new ConnectionTuneOk(2047, 131072, 0));
        await raw.Send(0, new ConnectionOpen("nowhere"));
        await raw.ExpectConnectionClose(ReplyCode.NotAllowed, "NOT_ALLOWED - vhost nowhere not found", MethodId.ConnectionOpen);
    }

    [Ours]
    [TestCase((ushort)2047, 4095u, "frame_max = 4095 is lower than the minimum allowed value (4096)")]
    [TestCase((ushort)2047, 1u, "frame_max = 1 is lower than the minimum allowed value (4096)")]
    [TestCase((ushort)2047, 131073u, "frame_max = 131073 is higher than the maximum allowed value (131072)")]
    [TestCase((ushort)2047, 0u, "frame_max = 0 is higher than the maximum allowed value (131072)")]
    [TestCase((ushort)2048, 131072u, "channel_max = 2048 is higher than the maximum allowed value (2047)")]
    [TestCase((ushort)0, 131072u, "channel_max = 0 (no limit) is higher than the maximum allowed value (2047)")]
    public async Task Limits_beyond_those_proposed_are_refused_with_530_at_once(ushort channelMax, uint frameMax, string text)
    {
        await using var raw = await RawConnection.Connect(Broker);
        await raw.Start();
        await raw.Login();
        await raw.Send(0, new ConnectionTuneOk(channelMax, frameMax, 60));
        await raw.ExpectConnectionClose(ReplyCode.NotAllowed, $"NOT_ALLOWED - negotiated {text}", MethodId.ConnectionTune);
    }

    [TestCase((ushort)2047, 4095u)]
    [TestCase((ushort)2047, 131073u)]
    [TestCase((ushort)2048, 131072u)]
    public async Task Limits_beyond_those_proposed_end_the_connection(ushort channelMax, uint frameMax)
    {
        await using var raw = await RawConnection.Connect(Broker);
        await raw.Start();
        await raw.Login();
        await raw.Send(0, new ConnectionTuneOk(channelMax, frameMax, 60));
        await raw.Send(0, new ConnectionOpen("/"));
        Assert.That((await raw.ReadToEnd()).Select(frame => frame.ToString()), Has.None.StartsWith("connection.open-ok "));
    }

    [TestCase((ushort)1, 4096u, (ushort)0)]
    [TestCase((ushort)2047, 131072u, (ushort)60)]
    [TestCase((ushort)10, 8192u, (ushort)600)]
    public async Task Limits_within_those_proposed_are_accepted(ushort channelMax, uint frameMax, ushort heartbeat)
    {
        await using var raw = await RawConnection.Open(Broker, channelMax, frameMax, heartbeat);
        await raw.OpenChannel(1);
        await raw.Close();
    }

    [Test]
    public async Task RabbitMQ_Client_negotiates_its_limits()
    {
        var connection = await Connect(factory =>
        {
            factory.RequestedChannelMax = 100;
            factory.RequestedFrameMax = 8192;
            factory.RequestedHeartbeat = TimeSpan.FromSeconds(30);
        });
        Assert.That((connection.ChannelMax, connection.FrameMax, connection.Heartbeat),
            Is.EqualTo(((ushort)100, 8192u, TimeSpan.FromSeconds(30))));
    }

    [Test]
    public async Task Messages_come_in_frames_no_larger_than_negotiated()
    {
        await using var raw = await RawConnection.Open(Broker, frameMax: 4096);
        await raw.OpenChannel(1);
        var queue = (await raw.Call<QueueDeclare, QueueDeclareOk>(
            1, new QueueDeclare("", false, false, true, true, false, FieldTable.Empty))).Queue;
        var body = Bytes(new string('b', 10_000));
        await raw.Call<BasicConsume, BasicConsumeOk>(1, new BasicConsume(queue, "", false, true, false, false, FieldTable.Empty));
        await raw.SendContent(1, new BasicPublish("", queue, false, false), [0, 0], body);
        var (_, content) = await raw.ExpectDelivery(1);
        Assert.That(content.Body, Is.EqualTo(body));
        Assert.That(content.BodyFrames, Is.EqualTo([4088, 4088, 1824]));
    }

    [Test]
    public async Task The_server_sends_heartbeats_to_an_idle_client()
    {
        await using var raw = await RawConnection.Open(Broker, heartbeat: 2);
        for (var i = 0; i < 2; i++)
        {
            Assert.That((await raw.ReadAnyFrame()).Type, Is.EqualTo(FrameType.Heartbeat));
            await raw.SendFrame((byte)FrameType.Heartbeat, 0, []);
        }
        await raw.Close();
    }

    [Test]
    public async Task The_server_gives_up_a_silent_client()
    {
        ExpectLog("missed heartbeats from client");
        await using var raw = await RawConnection.Open(Broker, heartbeat: 1);
        raw.Deadline = TimeSpan.FromSeconds(5);
        await raw.ExpectEnd(); // heartbeats come, and then nothing
    }

    [Test]
    public async Task A_client_that_sends_nothing_but_heartbeats_stays()
    {
        await using var raw = await RawConnection.Open(Broker, heartbeat: 1);
        for (var i = 0; i < 4; i++) // at most one in a second: beyond what silence is allowed
        {
            Assert.That((await raw.ReadAnyFrame()).Type, Is.EqualTo(FrameType.Heartbeat));
            await raw.SendFrame((byte)FrameType.Heartbeat, 0, []);
        }
        await raw.Close();
    }

    [Test]
    public async Task Any_frame_of_the_client_does_for_a_heartbeat()
    {
        await using var raw = await RawConnection.Open(Broker, heartbeat: 1);
        await raw.OpenChannel(1);
        for (var i = 0; i < 4; i++)
        {
            Assert.That((await raw.ReadAnyFrame()).Type, Is.EqualTo(FrameType.Heartbeat));
            await raw.Publish(1, "amq.fanout", "", "to nobody");
        }
        await raw.Close();
    }

    [Test]
    public async Task With_a_heartbeat_of_zero_silence_is_allowed()
    {
        await using var silent = await RawConnection.Open(Broker, heartbeat: 0);
        await using var other = await RawConnection.Open(Broker, heartbeat: 1);
        for (var i = 0; i < 4; i++) // as long as a silent client with a heartbeat would be given up
        {
            await other.ReadAnyFrame();
            await other.SendFrame((byte)FrameType.Heartbeat, 0, []);
        }
        await silent.OpenChannel(1);
        await silent.Close();
    }

    [Test]
    public async Task The_client_closes_the_connection_and_gets_close_ok()
    {
        await using var raw = await RawConnection.Open(Broker);
        await raw.OpenChannel(1);
        await raw.Close();
    }

    [Test]
    public async Task Closing_waits_for_what_was_sent_before()
    {
        var channel = await OpenChannel();
        var queue = await DeclareQueue(channel);
        await using var raw = await RawConnection.Open(Broker);
        await raw.OpenChannel(1);
        for (var i = 0; i < 1000; i++) await raw.Publish(1, "", queue, "m");
        await raw.Close();
        await ExpectReady(channel, queue, 1000);
    }

    [Test]
    public async Task What_comes_between_the_servers_close_and_the_clients_close_ok_is_ignored()
    {
        await using var raw = await RawConnection.Open(Broker);
        await raw.SendFrame((byte)FrameType.Heartbeat, 1, []); // the error
        await raw.Send(2, default(ChannelOpen));
        await raw.Send(2, new QueueDeclare("", false, false, true, true, false, FieldTable.Empty));
        await raw.ExpectConnectionClose(ReplyCode.UnexpectedFrame, "UNEXPECTED_FRAME - type 8, all octets = <<>>");
    }

    [Test]
    public async Task Both_sides_may_close_at_once()
    {
        await using var raw = await RawConnection.Open(Broker);
        await raw.OpenChannel(1);
        await raw.SendBytes((byte[])
        [
            .. RawConnection.Encode(1, default(ChannelOpen)), // the error
            .. RawConnection.Encode(0, new ConnectionClose(ReplyCode.Success, "bye", default)),
        ]);
        // RabbitMQ's channels run beside their connection, so either close may win. A client that answers every close and waits
        // for an answer to its own, or for a close instead of one, must come to an end.
        var first = await raw.ReadFrame();
        Assert.That(first.Is(MethodId.ConnectionClose) || first.Is(MethodId.ConnectionCloseOk), Is.True, first.ToString());
        if (first.Is(MethodId.ConnectionClose)) await raw.Send(0, default(ConnectionCloseOk));
        raw.EndSending();
        await raw.ReadToEnd();
    }

    [Test]
    public async Task A_connection_opens_while_another_one_closes()
    {
        await using var first = await RawConnection.Open(Broker);
        await first.Send(0, new ConnectionClose(ReplyCode.Success, "bye", default));
        await using var second = await RawConnection.Open(Broker);
        await second.OpenChannel(1);
        await first.Expect<ConnectionCloseOk>(0);
        await second.Close();
    }

    [Test]
    public async Task Clients_close_with_their_own_code_and_text()
    {
        var connection = await Connect();
        await connection.CloseAsync(320, "because", Patience.Answer, abort: false);
        Assert.That((connection.CloseReason?.ReplyCode, connection.CloseReason?.ReplyText), Is.EqualTo(((ushort?)320, "because")));
    }

    [Test]
    public async Task The_secret_can_be_updated()
    {
        await using var raw = await RawConnection.Open(Broker);
        await raw.OpenChannel(1);
        await raw.Call<ConnectionUpdateSecret, ConnectionUpdateSecretOk>(0, new ConnectionUpdateSecret(Bytes("guest"), "it was time"));
        await raw.Call<QueueDeclare, QueueDeclareOk>(1, new QueueDeclare("", false, false, true, true, false, FieldTable.Empty));
        await raw.Close();
    }

    [Test]
    public async Task A_hundred_connections_are_served_at_once()
    {
        var connections = await Task.WhenAll(Enumerable.Range(0, 100).Select(_ => RawConnection.Open(Broker)));
        foreach (var connection in connections)
        {
            await connection.OpenChannel(1);
            await connection.Close();
            await connection.DisposeAsync();
        }
    }

    [Test]
    public async Task A_socket_that_is_dropped_at_any_step_of_the_handshake_harms_nobody()
    {
        (await RawConnection.Connect(Broker)).Drop();

        var half = await RawConnection.Connect(Broker);
        await half.SendBytes("AMQ"u8.ToArray());
        half.Drop();

        var started = await RawConnection.Connect(Broker);
        await started.Start();
        started.Drop();

        var tuned = await RawConnection.Connect(Broker);
        await tuned.Start();
        await tuned.Login();
        tuned.Drop();

        var open = await RawConnection.Open(Broker);
        await open.SendBytes(new byte[] { 1, 0, 1, 0, 0 }); // a part of a frame
        open.Drop();

        await using var last = await RawConnection.Open(Broker);
        await last.OpenChannel(1);
        await last.Close();
    }

    [Test]
    public async Task A_frame_larger_than_negotiated_ends_the_connection_with_501()
    {
        await using var raw = await RawConnection.Open(Broker, frameMax: 4096);
        await raw.OpenChannel(1);
        await raw.SendBytes(new byte[] { 3, 0, 1, 0, 0, 0x10, 0x01 }); // a body of 4097 octets is announced
        var close = await raw.Expect<ConnectionClose>(0);
        Assert.That((close.ReplyCode, close.ReplyText), Is.EqualTo(
            (ReplyCode.FrameError, "FRAME_ERROR - type 3, all octets = <<>>: {frame_too_large,4097,4088}")));
    }

    [Test]
    public async Task A_frame_without_its_end_octet_ends_the_connection_with_501()
    {
        await using var raw = await RawConnection.Open(Broker);
        await raw.OpenChannel(1);
        await raw.SendFrame(1, 1, [0, 60, 0, 70, 0, 0, 1, 97, 0], end: 0xCD);
        var close = await raw.Expect<ConnectionClose>(0);
        Assert.That((close.ReplyCode, close.ReplyText), Is.EqualTo(
            (ReplyCode.FrameError, "FRAME_ERROR - type 1, all octets = <<0,60,0,70,0,0,1,97,0>>: {invalid_frame_end_marker,205}")));
    }
}
