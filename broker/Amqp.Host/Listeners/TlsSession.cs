using System.Globalization;
using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using Amqp.Broker.Connections;
using Microsoft.AspNetCore.Connections;

namespace Amqp.Host.Listeners;

/// <summary>What was agreed on with a client over TLS, in the words of Erlang's <c>ssl</c>, which RabbitMQ's tools show.</summary>
internal static class TlsSession
{
    private const string Prefix = "TLS_";
    private const string With = "_WITH_";
    private const string Aead = "aead";

    /// <returns>Null without TLS.</returns>
    public static TlsInfo? Of(ConnectionContext connection)
    {
        if (connection.Features.Get<SslStream>() is not { } stream) return null;
        var (keyExchange, cipher, hash) = PartsOf($"{stream.NegotiatedCipherSuite}");
        var certificate = stream.RemoteCertificate as X509Certificate2;
        return new TlsInfo(
            stream.SslProtocol == SslProtocols.Tls13 ? "tlsv1.3" : "tlsv1.2",
            keyExchange,
            cipher,
            hash,
            certificate is null ? null : CertificateNames.DistinguishedName(certificate.SubjectName),
            certificate is null ? null : CertificateNames.DistinguishedName(certificate.IssuerName),
            certificate is null ? null : $"{Moment(certificate.NotBefore)} - {Moment(certificate.NotAfter)}");
    }

    /// <param name="suite"><c>TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256</c>, or with TLS 1.3 <c>TLS_AES_256_GCM_SHA384</c>.</param>
    internal static (string KeyExchange, string Cipher, string Hash) PartsOf(string suite)
    {
        if (!suite.StartsWith(Prefix, StringComparison.Ordinal)) return ("", "", "");
        var with = suite.IndexOf(With, StringComparison.Ordinal);
        var keyExchange = with < 0 ? "any" : suite[Prefix.Length..with].ToLowerInvariant();
        var rest = suite[(with < 0 ? Prefix.Length : with + With.Length)..].ToLowerInvariant();
        // Ciphers that authenticate what they encrypt need no hash for that; the one in their name is for something else.
        if (rest.Contains("_ccm", StringComparison.Ordinal)) return (keyExchange, rest, Aead);
        var last = rest.LastIndexOf('_');
        var (cipher, hash) = last < 0 ? (rest, "") : (rest[..last], rest[(last + 1)..]);
        return (keyExchange, cipher, cipher.EndsWith("_gcm", StringComparison.Ordinal) || cipher.EndsWith("_poly1305", StringComparison.Ordinal) ? Aead : hash);
    }

    private static string Moment(DateTime time) => time.ToUniversalTime().ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture);
}
