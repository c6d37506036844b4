using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Amqp.Cluster.Links;

namespace Amqp.Cluster.Tests.Links;

/// <summary>An authority that gives nodes their certificates.</summary>
internal sealed class TestAuthority
{
    private readonly X509Certificate2 _authority = New("CN=authority", ECDsa.Create(ECCurve.NamedCurves.nistP256), issuer: null);

    public X509Certificate2 Certificate(string node) => New($"CN={node}", ECDsa.Create(ECCurve.NamedCurves.nistP256), _authority);

    public LinkSecurity For(string node)
    {
        var certificate = Certificate(node);
        return new LinkSecurity(
            new SslServerAuthenticationOptions { ServerCertificate = certificate, ClientCertificateRequired = true, RemoteCertificateValidationCallback = IsOurs },
            new SslClientAuthenticationOptions { ClientCertificates = [certificate], RemoteCertificateValidationCallback = IsOurs, TargetHost = "" },
            shown => new X509Certificate2(shown).GetNameInfo(X509NameType.SimpleName, forIssuer: false));
    }

    private bool IsOurs(object sender, X509Certificate? certificate, X509Chain? unused, SslPolicyErrors errors)
    {
        if (certificate is null) return false;
        using var chain = new X509Chain { ChainPolicy = { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck } };
        chain.ChainPolicy.CustomTrustStore.Add(_authority);
        return chain.Build(new X509Certificate2(certificate));
    }

    private static X509Certificate2 New(string subject, ECDsa key, X509Certificate2? issuer)
    {
        var request = new CertificateRequest(subject, key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(certificateAuthority: issuer is null, false, 0, critical: true));
        var (from, to) = (DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(30));
        if (issuer is null) return request.CreateSelfSigned(from, to);
        using var certificate = request.Create(issuer, from.AddHours(1), to.AddHours(-1), RandomNumberGenerator.GetBytes(8));
        return certificate.CopyWithPrivateKey(key);
    }
}
