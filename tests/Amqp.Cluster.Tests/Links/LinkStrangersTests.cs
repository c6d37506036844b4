using System.Buffers.Binary;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Amqp.Cluster.Links;
using Amqp.Testing;

namespace Amqp.Cluster.Tests.Links;

/// <summary>Who is no node of the cluster, or does not speak as one, gets nothing, whatever it sends; and the links of the others go on.</summary>
public class LinkStrangersTests
{
    private readonly TestAuthority _authority = new();
    private LinkNode _one = null!;
    private LinkNode _two = null!;

    [SetUp]
    public async Task Start()
    {
        var options = new LinkOptions { ConnectMs = 1_000, FrameBytesMax = 1_000, HandshakesMax = 4 };
        (_one, _two) = (new LinkNode("rabbit@one", _authority, options: options), new LinkNode("rabbit@two", _authority, options: options));
        _one.Links.Add(_two.Name, _two.Address);
        await Eventually.That(() => (_one.Connected.Count, _two.Peers.Count), Is.EqualTo((3, 3)));
    }

    [TearDown]
    public async Task Stop()
    {
        await _one.DisposeAsync();
        await _two.DisposeAsync();
    }

    [TestCase("")]
    [TestCase("AMQP\0\0\u0009\u0001")]
    [TestCase("GET / HTTP/1.1\r\n\r\n")]
    public async Task One_that_speaks_no_TLS_is_cut_off(string text)
    {
        using var client = await Connect();
        await client.GetStream().WriteAsync(Encoding.Latin1.GetBytes(text));
        await Closes(client.GetStream());
        await TheOthersGoOn();
    }

    [Test]
    public async Task One_without_a_certificate_gets_nothing() =>
        await IsRefused(new SslClientAuthenticationOptions { TargetHost = "", RemoteCertificateValidationCallback = IsAnything }, Hello("rabbit@three"));

    [Test]
    public async Task One_with_a_certificate_of_others_gets_nothing() => await IsRefused(ShowingOf(new TestAuthority("a secret of others"), "rabbit@three"), Hello("rabbit@three"));

    [Test]
    public async Task One_that_says_that_it_is_another_node_gets_nothing() => await IsRefused(ShowingOf(_authority, "rabbit@three"), Hello("rabbit@one"));

    [TestCase("not json")]
    [TestCase("{}")]
    [TestCase("""{"MinVersion":1,"MaxVersion":1,"Node":"rabbit@three","Epoch":1,"Lane":77}""")]
    [TestCase("""{"MinVersion":2,"MaxVersion":9,"Node":"rabbit@three","Epoch":1,"Lane":0}""")]
    public async Task One_that_introduces_itself_otherwise_gets_nothing(string hello) => await IsRefused(ShowingOf(_authority, "rabbit@three"), Frame(LinkFrame.Hello, Encoding.UTF8.GetBytes(hello)));

    [Test]
    public async Task A_hello_of_any_length_is_refused() => await IsRefused(ShowingOf(_authority, "rabbit@three"), Head(LinkFrame.Hello, int.MaxValue));

    [TestCase(5, 0)]
    [TestCase(LinkFrame.Hello, 0)]
    [TestCase(LinkFrame.FirstOfUsers, 1_001)]
    [TestCase(LinkFrame.FirstOfUsers, -1)]
    public async Task A_node_that_sends_what_is_no_frame_is_cut_off(byte kind, int length)
    {
        await using var stream = await Introduced();
        await stream.WriteAsync(Head(kind, length));
        await Closes(stream);
        await TheOthersGoOn();
    }

    [Test]
    public async Task A_node_that_falls_silent_is_cut_off()
    {
        await using var stream = await Introduced();
        await stream.WriteAsync(Head(LinkFrame.FirstOfUsers, 100));
        await Closes(stream);
        await TheOthersGoOn();
    }

    [Test]
    public async Task Whatever_a_node_sends_the_others_go_on([Range(1, 20)] int seed)
    {
        var random = new Random(seed);
        var bytes = new byte[random.Next(1, 2_000)];
        random.NextBytes(bytes);
        if (random.Next(2) == 0) (bytes[0], bytes[1], bytes[2]) = (0, 0, 0); // of a length that is allowed, more often
        await using var stream = await Introduced();
        await stream.WriteAsync(bytes);
        await Closes(stream);
        await TheOthersGoOn();
    }

    [Test]
    public async Task Strangers_that_say_nothing_keep_no_node_out()
    {
        var strangers = await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => Connect()));
        await using var three = new LinkNode("rabbit@three", _authority);
        three.Links.Add(_two.Name, _two.Address);
        await Eventually.That(() => three.Connected.Count, Is.EqualTo(3), Patience.Start);
        foreach (var stranger in strangers) stranger.Dispose();
    }

    private static SslClientAuthenticationOptions ShowingOf(TestAuthority authority, string node) => new()
    {
        TargetHost = "",
        ClientCertificates = [authority.Of(node).Node],
        RemoteCertificateValidationCallback = IsAnything,
        LocalCertificateSelectionCallback = (_, _, certificates, _, _) => certificates[0],
    };

    /// <summary>A stranger does not care whom it speaks to.</summary>
    private static bool IsAnything(object sender, X509Certificate? certificate, X509Chain? chain, SslPolicyErrors errors) => errors >= SslPolicyErrors.None;

    private static byte[] Hello(string node)
    {
        var buffer = new System.Buffers.ArrayBufferWriter<byte>();
        LinkFrame.Write(buffer, LinkHello.Of(node, 1, LinkLane.Control).ToMessage());
        return buffer.WrittenSpan.ToArray();
    }

    private static byte[] Frame(byte kind, byte[] payload) => [.. Head(kind, payload.Length), .. payload];

    private static byte[] Head(byte kind, int length)
    {
        var head = new byte[LinkFrame.HeadSize];
        BinaryPrimitives.WriteInt32BigEndian(head, length);
        head[^1] = kind;
        return head;
    }

    private async Task IsRefused(SslClientAuthenticationOptions client, byte[] sent)
    {
        using var tcp = await Connect();
        await using var stream = new SslStream(tcp.GetStream());
        try
        {
            await stream.AuthenticateAsClientAsync(client);
            await stream.WriteAsync(sent);
        }
        catch (Exception exception) when (exception is IOException or System.Security.Authentication.AuthenticationException)
        {
            // Some learn it here, others when they read.
        }
        await Closes(stream.IsAuthenticated ? stream : tcp.GetStream());
        await TheOthersGoOn();
        Assert.That(_two.Peers.Keys.Select(peer => peer.Node).Distinct(), Is.EqualTo(new[] { "rabbit@one" }));
    }

    private async Task<SslStream> Introduced()
    {
        var stream = new SslStream((await Connect()).GetStream());
        await stream.AuthenticateAsClientAsync(ShowingOf(_authority, "rabbit@three"));
        await stream.WriteAsync(Hello("rabbit@three"));
        await Eventually.That(() => _two.Peers.Keys.Select(peer => peer.Node), Has.Member("rabbit@three"));
        return stream;
    }

    private async Task<TcpClient> Connect()
    {
        var client = new TcpClient();
        await client.ConnectAsync(_two.Address);
        return client;
    }

    /// <summary>Whatever comes, it ends.</summary>
    private static async Task Closes(Stream stream)
    {
        var buffer = new byte[1_000];
        using var patience = new CancellationTokenSource(Patience.Answer);
        try
        {
            while (await stream.ReadAsync(buffer, patience.Token) > 0) { }
        }
        catch (IOException)
        {
            // Cut off.
        }
    }

    private async Task TheOthersGoOn()
    {
        var text = $"{Guid.NewGuid()}";
        Assert.That(_one.Send(_two, LinkLane.Clients, text), Is.True);
        await Eventually.That(() => _two.Received, Has.Member($"rabbit@one Clients {text}"));
        await Eventually.That(() => _two.Peers.Keys.Select(peer => peer.Node).Distinct(), Is.EqualTo(new[] { "rabbit@one" }));
    }
}
