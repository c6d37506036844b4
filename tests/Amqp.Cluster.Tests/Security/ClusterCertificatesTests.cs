using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Runtime.Versioning;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Amqp.Cluster.Security;
using Amqp.Testing;

namespace Amqp.Cluster.Tests.Security;

/// <summary>Who gets past the handshake between nodes, over real sockets.</summary>
public sealed class ClusterCertificatesTests
{
    private const string Secret = "correct horse battery staple";

    private static readonly DateTimeOffset Yesterday = TimeProvider.System.GetUtcNow().AddDays(-1);
    private static readonly DateTimeOffset Tomorrow = Yesterday.AddDays(2);

    private static readonly string Folder = Directory.CreateTempSubdirectory("certificates-").FullName;
    private static readonly ClusterCertificates One = Of("rabbit@one");
    private static readonly ClusterCertificates Two = Of("rabbit@two");

    [OneTimeTearDown]
    public static void Delete() => Directory.Delete(Folder, recursive: true);

    [Test]
    public async Task Two_nodes_with_the_same_secret_see_each_others_names()
    {
        var (client, server) = await Meet(One.Client(), Two.Server());
        Assert.That((client, server), Is.EqualTo(("sees rabbit@two", "sees rabbit@one")));
    }

    [TestCase(SslProtocols.Tls12)]
    [TestCase(SslProtocols.Tls13)]
    public async Task A_node_with_another_secret_is_refused_and_refuses(SslProtocols version)
    {
        using var other = Of("rabbit@one", secret: "another horse battery staple");
        var (client, server) = await Meet(Only(other.Client(), version), Two.Server());
        Assert.That(new[] { client, server }, Has.All.StartsWith("refuse"));
        // One that takes any certificate is refused all the same.
        Assert.That(await Meet(Careless(Only(other.Client(), version)), Two.Server()), Is.EqualTo(("refused", "refuses")));
        Assert.That(await Meet(One.Client(), Careless(other.Server())), Is.EqualTo(("refuses", "refused")));
    }

    [TestCase(SslProtocols.Tls12)]
    [TestCase(SslProtocols.Tls13)]
    public async Task A_client_without_a_certificate_is_refused(SslProtocols version)
    {
        var nobody = new SslClientAuthenticationOptions { TargetHost = "localhost", EnabledSslProtocols = version };
        Assert.That(await Meet(Careless(nobody), Two.Server()), Is.EqualTo(("refused", "refuses")));
    }

    [Test]
    public async Task A_certificate_of_an_authority_that_only_has_the_same_name_is_refused()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest(One.Authorities[0].SubjectName, key, HashAlgorithmName.SHA256);
        foreach (var extension in One.Authorities[0].Extensions) request.CertificateExtensions.Add(extension); // its key identifier, too
        using var authority = request.CreateSelfSigned(Yesterday, Tomorrow);
        var forged = Forge(authority, One.Node);
        Assert.That(forged.TargetCertificate.Issuer, Is.EqualTo(One.Node.Issuer));
        Assert.That(await Meet(Client(forged), Two.Server()), Is.EqualTo(("refused", "refuses")));
        Assert.That(await Meet(Two.Client(), Server(forged)), Is.EqualTo(("refuses", "refused")));
    }

    [Test]
    public async Task A_certificate_that_a_node_signs_is_refused()
    {
        var forged = Forge(One.Node, Two.Node);
        Assert.That(await Meet(Client(forged), Two.Server()), Is.EqualTo(("refused", "refuses")));
        Assert.That(await Meet(Two.Client(), Server(forged)), Is.EqualTo(("refuses", "refused")));
    }

    [Test]
    [UnsupportedOSPlatform("windows")]
    [Platform("Linux,MacOsX")]
    public async Task Files_are_taken_as_they_were_written()
    {
        var folder = Path.Combine(Folder, "written");
        One.WriteFiles(folder);
        One.WriteFiles(folder); // the node starts again
        Assert.That(File.GetUnixFileMode(Path.Combine(folder, "node.key")), Is.EqualTo(UnixFileMode.UserRead | UnixFileMode.UserWrite));
        using var read = ClusterCertificates.FromFiles(Path.Combine(folder, "node.crt"), Path.Combine(folder, "node.key"), Path.Combine(folder, "authority.crt"));
        Assert.That(await Meet(read.Client(), Two.Server()), Is.EqualTo(("sees rabbit@two", "sees rabbit@one")));
    }

    [Test]
    public void Files_that_cannot_be_used_are_named()
    {
        var file = Path.Combine(Folder, "empty");
        File.WriteAllText(file, "");
        Assert.That(() => ClusterCertificates.FromFiles(file, file, file), Throws.TypeOf<CryptographicException>().With.Message.Contains(file).And.Message.Contains("no certificate"));
    }

    [Test]
    public void A_certificate_of_another_authority_is_not_loaded()
    {
        using var other = Of("rabbit@one", secret: "another horse battery staple");
        var (one, two) = (Path.Combine(Folder, "one"), Path.Combine(Folder, "other"));
        One.WriteFiles(one);
        other.WriteFiles(two);
        Assert.That(
            () => ClusterCertificates.FromFiles(Path.Combine(one, "node.crt"), Path.Combine(one, "node.key"), Path.Combine(two, "authority.crt")),
            Throws.TypeOf<CryptographicException>().With.Message.Contains("node.crt").And.Message.Contains("other nodes would not take it"));
    }

    /// <summary>Worked out by another program: Python's hashlib, and the curve's arithmetic on whole numbers.</summary>
    [Test]
    public void The_same_secret_gives_the_same_key_for_ever()
    {
        const string Point = "049EF9F505917400BE8D84EADC361E902C6BC3EE27D9F0F92979923363E9B3601ABBAD7D3E4D96E87A5BB3F200B1AA071C38FDC331D64E255C4C700F6EC267760C";
        Assert.That(Convert.ToHexString(One.Authorities[0].GetPublicKey()), Is.EqualTo(Point));
        Assert.That(Convert.ToHexString(Two.Authorities[0].GetPublicKey()), Is.EqualTo(Point));
        Assert.That(One.Authorities[0].HasPrivateKey, Is.False, "it has signed, and is not needed any more");
    }

    [Test]
    public void A_short_secret_is_refused() =>
        Assert.That(() => Of("rabbit@one", secret: "fifteen letters"), Throws.ArgumentException.With.Message.Contains("needs at least 16"));

    [Test]
    public void The_certificate_is_for_the_nodes_host_and_address()
    {
        var names = One.Node.Extensions.OfType<X509SubjectAlternativeNameExtension>().Single();
        Assert.That(names.EnumerateDnsNames(), Is.EqualTo(new[] { "one", "localhost" }));
        Assert.That(names.EnumerateIPAddresses(), Is.EqualTo(new[] { IPAddress.Loopback, IPAddress.Parse("127.0.0.9") }));
    }

    private static ClusterCertificates Of(string node, string secret = Secret) => ClusterCertificates.FromSecret(secret, node, IPAddress.Parse("127.0.0.9"), TimeProvider.System);

    /// <summary>A node's certificate as it is, but with another key and signed by somebody else.</summary>
    private static SslStreamCertificateContext Forge(X509Certificate2 issuer, X509Certificate2 like)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest(like.SubjectName, key, HashAlgorithmName.SHA256);
        foreach (var extension in like.Extensions) request.CertificateExtensions.Add(extension);
        var generator = X509SignatureGenerator.CreateForECDsa(issuer.GetECDsaPrivateKey()!);
        using var certificate = request.Create(issuer.SubjectName, generator, Yesterday, Tomorrow, [7]);
        return SslStreamCertificateContext.Create(certificate.CopyWithPrivateKey(key), [X509CertificateLoader.LoadCertificate(issuer.RawData)], offline: true);
    }

    private static SslClientAuthenticationOptions Client(SslStreamCertificateContext shown) => Careless(new SslClientAuthenticationOptions { TargetHost = "localhost", ClientCertificateContext = shown });

    private static SslServerAuthenticationOptions Server(SslStreamCertificateContext shown) => Careless(new SslServerAuthenticationOptions { ServerCertificateContext = shown, ClientCertificateRequired = true });

    private static bool IsCareless => true; // a constant would be an error, as it should be anywhere else

    private static SslClientAuthenticationOptions Only(SslClientAuthenticationOptions options, SslProtocols version)
    {
        options.EnabledSslProtocols = version;
        return options;
    }

    private static SslClientAuthenticationOptions Careless(SslClientAuthenticationOptions options)
    {
        options.RemoteCertificateValidationCallback = (_, _, _, _) => IsCareless;
        return options;
    }

    private static SslServerAuthenticationOptions Careless(SslServerAuthenticationOptions options)
    {
        options.RemoteCertificateValidationCallback = (_, _, _, _) => IsCareless;
        return options;
    }

    /// <summary>What both sides say of a handshake, and of one byte each way after it.</summary>
    private static async Task<(string Client, string Server)> Meet(SslClientAuthenticationOptions client, SslServerAuthenticationOptions server)
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        using var near = new TcpClient();
        var accepted = listener.AcceptTcpClientAsync();
        await near.ConnectAsync((IPEndPoint)listener.LocalEndpoint);
        using var far = await accepted;
        var sides = await Task.WhenAll(
            Side(near, ssl => ssl.AuthenticateAsClientAsync(client)),
            Side(far, ssl => ssl.AuthenticateAsServerAsync(server))).WaitAsync(Patience.Answer);
        return (sides[0], sides[1]);
    }

    private static async Task<string> Side(TcpClient connection, Func<SslStream, Task> authenticate)
    {
        await using var ssl = new SslStream(connection.GetStream());
        try
        {
            await authenticate(ssl);
            await ssl.WriteAsync(new byte[1]);
            await ssl.ReadExactlyAsync(new byte[1]);
            return $"sees {ClusterCertificates.NodeOf(ssl.RemoteCertificate!)}";
        }
        catch (AuthenticationException exception) when (exception.InnerException is null)
        {
            return "refuses";
        }
        catch (Exception exception) when (exception is IOException or AuthenticationException)
        {
            return "refused";
        }
        finally
        {
            connection.Close();
        }
    }
}
