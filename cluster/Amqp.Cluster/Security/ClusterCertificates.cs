using System.Net;
using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Amqp.Cluster.Security;

/// <summary>
/// By what nodes of a cluster, and their etcd, know each other: mutual TLS. The holder of a certificate of the cluster's authority is a node, and its name is in the
/// certificate; a stranger does not get past the handshake. The authority comes from the shared secret, or from files of the operator.
/// </summary>
public sealed class ClusterCertificates : IDisposable
{
    private const string ForServers = "1.3.6.1.5.5.7.3.1";
    private const string ForClients = "1.3.6.1.5.5.7.3.2";
    private const string CommonName = "2.5.4.3";

    /// <summary>For the node's clock being behind that of another.</summary>
    private const int DaysBefore = 1;

    /// <summary>A node makes a new one whenever it starts.</summary>
    private const int Years = 10;

    private readonly SslStreamCertificateContext _shown;

    private ClusterCertificates(X509Certificate2 node, X509Certificate2Collection behind, X509Certificate2Collection authorities)
    {
        (Node, Authorities) = (node, authorities);
        // What is behind it in the file is sent along; nothing is fetched from anywhere.
        _shown = SslStreamCertificateContext.Create(node, behind, offline: true);
    }

    /// <summary>What this node shows, with its private key.</summary>
    public X509Certificate2 Node { get; }

    /// <summary>Whose certificates count. One, but for an operator who replaces his own and lets two of them count meanwhile.</summary>
    public X509Certificate2Collection Authorities { get; }

    /// <summary>Makes this node's certificate, of the authority that follows from the secret. Takes about half a second.</summary>
    /// <param name="secret">Shared by all nodes.</param>
    /// <param name="node">This node's name, <c>rabbit@host</c>.</param>
    /// <param name="address">Where other nodes reach it, and from where they see it come: etcd compares both.</param>
    /// <exception cref="ArgumentException">The secret is too short, or the host in the node's name is none.</exception>
    public static ClusterCertificates FromSecret(string secret, string node, IPAddress address, TimeProvider time)
    {
        using var authority = ClusterAuthority.FromSecret(secret);
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var subject = new X500DistinguishedNameBuilder();
        subject.AddCommonName(node);
        var request = new CertificateRequest(subject.Build(), key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(certificateAuthority: false, hasPathLengthConstraint: false, pathLengthConstraint: 0, critical: true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.DigitalSignature, critical: true));
        request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension([new Oid(ForServers), new Oid(ForClients)], critical: false));
        request.CertificateExtensions.Add(Names(node, address));
        request.CertificateExtensions.Add(X509AuthorityKeyIdentifierExtension.CreateFromCertificate(authority, includeKeyIdentifier: true, includeIssuerAndSerial: false));
        var now = time.GetUtcNow();
        using var certificate = request.Create(authority, now.AddDays(-DaysBefore), now.AddYears(Years), RandomNumberGenerator.GetBytes(16));
        return new ClusterCertificates(certificate.CopyWithPrivateKey(key), [], [X509CertificateLoader.LoadCertificate(authority.RawData)]);
    }

    /// <summary>Takes what an operator made, all of it PEM.</summary>
    /// <param name="certificateFile">The node's, with its name as the common name, for servers and for clients; those between it and the authority may follow.</param>
    /// <param name="keyFile">Its private key, not encrypted.</param>
    /// <param name="authorityFile">One or more authorities.</param>
    /// <exception cref="CryptographicException">A file cannot be used; the message says which, and why.</exception>
    public static ClusterCertificates FromFiles(string certificateFile, string keyFile, string authorityFile)
    {
        var (authorities, chain) = (Read(authorityFile), Read(certificateFile));
        try
        {
            var node = X509Certificate2.CreateFromPemFile(certificateFile, keyFile);
            if (NodeOf(node) is null) throw new CryptographicException("its subject has no common name, which has to be the name of the node");
            var certificates = new ClusterCertificates(node, [.. chain.Skip(1)], authorities);
            foreach (var purpose in new[] { ForServers, ForClients }) certificates.Check(purpose);
            return certificates;
        }
        catch (Exception exception) when (exception is CryptographicException or IOException or UnauthorizedAccessException)
        {
            throw new CryptographicException($"The node's certificate '{certificateFile}' with the private key '{keyFile}' cannot be used: {exception.Message}", exception);
        }
    }

    /// <summary>The name of the node that a certificate was made for; null: there is none, or more than one. Of a certificate whose chain was checked, only that node has it.</summary>
    public static string? NodeOf(X509Certificate certificate)
    {
        using var copy = new X509Certificate2(certificate);
        return copy.SubjectName.EnumerateRelativeDistinguishedNames().ToList() is var parts
            && parts.Where(part => !part.HasMultipleElements && part.GetSingleElementType().Value == CommonName).ToList() is [var name]
                ? name.GetSingleElementValue()
                : null;
    }

    /// <summary>For the node that is connected to. The client's certificate is demanded and checked before it may say anything.</summary>
    public SslServerAuthenticationOptions Server() => new()
    {
        ServerCertificateContext = _shown,
        EnabledSslProtocols = SslProtocols.Tls12 | SslProtocols.Tls13,
        ClientCertificateRequired = true,
        CertificateRevocationCheckMode = X509RevocationMode.NoCheck,
        CertificateChainPolicy = Policy(ForClients),
        RemoteCertificateValidationCallback = IsOfTheCluster,
    };

    /// <summary>
    /// For the node that connects. Under TLS 1.3 its handshake ends before the server has looked at its certificate: that it was refused shows only when it reads.
    /// </summary>
    public SslClientAuthenticationOptions Client() => new()
    {
        // It is never looked up, but SslStream wants one.
        TargetHost = "amqp-cluster",
        ClientCertificateContext = _shown,
        EnabledSslProtocols = SslProtocols.Tls12 | SslProtocols.Tls13,
        CertificateRevocationCheckMode = X509RevocationMode.NoCheck,
        CertificateChainPolicy = Policy(ForServers),
        RemoteCertificateValidationCallback = IsOfTheCluster,
    };

    /// <summary>Writes <c>node.crt</c>, <c>node.key</c> and <c>authority.crt</c> as PEM, for etcd. The key is readable by this user only.</summary>
    /// <exception cref="IOException">The folder cannot be written to.</exception>
    public void WriteFiles(string folder)
    {
        if (OperatingSystem.IsWindows()) Directory.CreateDirectory(folder);
        else Directory.CreateDirectory(folder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        using var key = (AsymmetricAlgorithm?)Node.GetECDsaPrivateKey() ?? Node.GetRSAPrivateKey() ?? throw new CryptographicException("The node's private key is neither EC nor RSA.");
        var files = FilesIn(folder);
        Write(files.Authority, PemOf(Authorities));
        Write(files.Node, PemOf([Node, .. _shown.IntermediateCertificates]));
        Write(files.Key, key.ExportPkcs8PrivateKeyPem());

        // Whole or not at all, and with its mode from the beginning: etcd reads them at every handshake.
        void Write(string path, string pem)
        {
            var beside = $"{path}.new";
            File.Delete(beside);
            var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write };
            if (!OperatingSystem.IsWindows()) options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
            using (var writer = new StreamWriter(beside, options)) writer.WriteLine(pem);
            File.Move(beside, path, overwrite: true);
        }
    }

    /// <summary>Where <see cref="WriteFiles"/> puts them.</summary>
    internal static (string Node, string Key, string Authority) FilesIn(string folder) =>
        (Path.Combine(folder, "node.crt"), Path.Combine(folder, "node.key"), Path.Combine(folder, "authority.crt"));

    public void Dispose()
    {
        Node.Dispose();
        foreach (var authority in Authorities) authority.Dispose();
    }

    // A certificate of the authority is enough; which host it is does not matter, and a node may move.
    private static bool IsOfTheCluster(object sender, X509Certificate? certificate, X509Chain? chain, SslPolicyErrors errors) =>
        certificate is not null && (errors & ~SslPolicyErrors.RemoteCertificateNameMismatch) == SslPolicyErrors.None && NodeOf(certificate) is not null;

    private static X509Extension Names(string node, IPAddress address)
    {
        var names = new SubjectAlternativeNameBuilder();
        foreach (var host in new[] { node[(node.IndexOf('@', StringComparison.Ordinal) + 1)..], "localhost" }.Distinct()) names.AddDnsName(host);
        foreach (var each in new[] { IPAddress.Loopback, address }.Distinct()) names.AddIpAddress(each);
        return names.Build();
    }

    private static string PemOf(IEnumerable<X509Certificate2> certificates) => string.Join('\n', certificates.Select(certificate => certificate.ExportCertificatePem()));

    private static X509Certificate2Collection Read(string file)
    {
        try
        {
            var found = new X509Certificate2Collection();
            found.ImportFromPemFile(file);
            return found.Count > 0 ? found : throw new CryptographicException("there is no certificate in it");
        }
        catch (Exception exception) when (exception is CryptographicException or IOException or UnauthorizedAccessException)
        {
            throw new CryptographicException($"The certificates in '{file}' cannot be used: {exception.Message} It has to be a PEM file.", exception);
        }
    }

    /// <summary>Other nodes would refuse it; better that this one says so, and why.</summary>
    private void Check(string purpose)
    {
        using var chain = new X509Chain();
        chain.ChainPolicy = Policy(purpose);
        chain.ChainPolicy.ExtraStore.AddRange(_shown.IntermediateCertificates.ToArray());
        if (chain.Build(Node)) return;
        var reasons = string.Join("; ", chain.ChainStatus.Select(status => status.StatusInformation.Trim()));
        throw new CryptographicException($"other nodes would not take it for a {(purpose == ForServers ? "server's" : "client's")} certificate of the authority: {reasons}");
    }

    private X509ChainPolicy Policy(string purpose)
    {
        var policy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck, DisableCertificateDownloads = true };
        policy.CustomTrustStore.AddRange(Authorities);
        policy.ApplicationPolicy.Add(new Oid(purpose));
        return policy;
    }
}
