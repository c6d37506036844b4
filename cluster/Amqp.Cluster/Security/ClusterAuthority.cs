using System.Numerics;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Amqp.Cluster.Security;

/// <summary>
/// The certificate authority of a cluster, which every node makes for itself out of the shared secret: the same private key, subject and validity everywhere. Its
/// certificates differ in their signatures, which are random; a chain is checked by the key and the subject.
/// </summary>
internal static class ClusterAuthority
{
    /// <summary>A shorter secret can be guessed: who has seen a certificate of the cluster can try secrets at home.</summary>
    public const int SecretCharactersMin = 16;

    private const int Rounds = 600_000;

    // Half as long again as the order of the curve: what is left of it has no bias that can be measured.
    private const int StretchedBytes = 48;

    private static readonly byte[] Salt = "amqp cluster authority 1"u8.ToArray();

    private static readonly BigInteger OrderOfCurve =
        new(Convert.FromHexString("FFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551"), isUnsigned: true, isBigEndian: true);

    private static readonly DateTimeOffset From = new(2020, 1, 1, 0, 0, 0, TimeSpan.Zero);
    private static readonly DateTimeOffset Until = new(2100, 1, 1, 0, 0, 0, TimeSpan.Zero);

    /// <summary>The authority's certificate, with its private key. Takes a processor for about half a second, as each guess of an attacker does.</summary>
    /// <exception cref="ArgumentException">The secret is too short.</exception>
    public static X509Certificate2 FromSecret(string secret)
    {
        if (secret.Length < SecretCharactersMin)
        {
            throw new ArgumentException(
                $"The cluster's secret has {secret.Length} characters and needs at least {SecretCharactersMin}. A stranger who guesses it is a node of the cluster. "
                + "Take a random one, for example of `openssl rand -base64 32`, and give all nodes the same.", nameof(secret));
        }
        using var key = KeyOf(secret);
        var request = new CertificateRequest("CN=amqp cluster", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(certificateAuthority: true, hasPathLengthConstraint: true, pathLengthConstraint: 0, critical: true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.KeyCertSign, critical: true));
        request.CertificateExtensions.Add(new X509SubjectKeyIdentifierExtension(request.PublicKey, critical: false));
        using var certificate = request.Create(request.SubjectName, X509SignatureGenerator.CreateForECDsa(key), From, Until, [1]);
        return certificate.CopyWithPrivateKey(key);
    }

    private static ECDsa KeyOf(string secret)
    {
        var stretched = Rfc2898DeriveBytes.Pbkdf2(secret, Salt, Rounds, HashAlgorithmName.SHA256, StretchedBytes);
        var number = (new BigInteger(stretched, isUnsigned: true, isBigEndian: true) % (OrderOfCurve - 1)) + 1;
        var d = new byte[OrderOfCurve.GetByteCount(isUnsigned: true)];
        var written = number.ToByteArray(isUnsigned: true, isBigEndian: true);
        written.CopyTo(d, d.Length - written.Length);
        // The public point follows from the number; the runtime works it out.
        return ECDsa.Create(new ECParameters { Curve = ECCurve.NamedCurves.nistP256, D = d });
    }
}
