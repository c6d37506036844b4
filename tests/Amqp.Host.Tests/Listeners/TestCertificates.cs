using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Amqp.Host.Tests.Listeners;

/// <summary>An authority and what it has signed, as PEM files in a directory of their own.</summary>
internal sealed class TestCertificates : IDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("amqp-tls-").FullName;
    private readonly DateTimeOffset _begin = DateTimeOffset.UtcNow.AddDays(-1);
    private readonly DateTimeOffset _end = DateTimeOffset.UtcNow.AddDays(10);
    private readonly X509Certificate2 _authority;

    public TestCertificates()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=Test authority", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(certificateAuthority: true, false, 0, critical: true));
        _authority = request.CreateSelfSigned(_begin, _end);
        File.WriteAllText(AuthorityFile, _authority.ExportCertificatePem());
    }

    public string AuthorityFile => PathOf("authority");

    /// <summary>The authority as the only trusted root.</summary>
    public X509ChainPolicy Trust
    {
        get
        {
            var policy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
            policy.CustomTrustStore.Add(_authority);
            return policy;
        }
    }

    public string PathOf(string name) => Path.Combine(_directory, $"{name}.pem");

    /// <summary>Signs a certificate for a host, or for a client of that name; its files are <c>name.pem</c> and <c>name-key.pem</c>.</summary>
    public X509Certificate2 Make(string name, string host, bool isSelfSigned = false)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest($"CN={name},O=Test", key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddDnsName(host);
        request.CertificateExtensions.Add(names.Build());
        request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension([new("1.3.6.1.5.5.7.3.1"), new("1.3.6.1.5.5.7.3.2")], critical: false));
        using var made = isSelfSigned
            ? request.CreateSelfSigned(_begin.AddMinutes(1), _end.AddMinutes(-1))
            : request.Create(_authority, _begin.AddMinutes(1), _end.AddMinutes(-1), RandomNumberGenerator.GetBytes(8)).CopyWithPrivateKey(key);
        File.WriteAllText(PathOf($"{name}-key"), key.ExportPkcs8PrivateKeyPem());
        File.WriteAllText(PathOf(name), made.ExportCertificatePem());
        return X509CertificateLoader.LoadPkcs12(made.Export(X509ContentType.Pkcs12), password: null);
    }

    public void Dispose()
    {
        _authority.Dispose();
        Directory.Delete(_directory, recursive: true);
    }
}
