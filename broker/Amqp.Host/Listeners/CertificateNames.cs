using System.Globalization;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Amqp.Host.Options;

namespace Amqp.Host.Listeners;

/// <summary>Which user a client's certificate stands for, for the mechanism EXTERNAL: in RabbitMQ's words, so that users who were
/// made for it fit (<c>rabbit_ssl:peer_cert_auth_name</c>, <c>rabbit_cert_info</c>).</summary>
internal static class CertificateNames
{
    private const string CommonName = "2.5.4.3";

    /// <summary>Attributes that RFC 4514 and RabbitMQ have a word for; others are named by their number.</summary>
    private static readonly Dictionary<string, string> Words = new(StringComparer.Ordinal)
    {
        [CommonName] = "CN",
        ["2.5.4.4"] = "SN",
        ["2.5.4.5"] = "SERIALNUMBER",
        ["2.5.4.6"] = "C",
        ["2.5.4.7"] = "L",
        ["2.5.4.8"] = "ST",
        ["2.5.4.9"] = "STREET",
        ["2.5.4.10"] = "O",
        ["2.5.4.11"] = "OU",
        ["2.5.4.12"] = "TITLE",
        ["2.5.4.42"] = "GIVENNAME",
        ["2.5.4.43"] = "INITIALS",
        ["2.5.4.44"] = "GENERATIONQUALIFIER",
        ["2.5.4.65"] = "PSEUDONYM",
        ["0.9.2342.19200300.100.1.1"] = "UID",
        ["0.9.2342.19200300.100.1.25"] = "DC",
        ["1.2.840.113549.1.9.1"] = "EMAILADDRESS",
    };

    /// <returns>Null when the certificate has no such name.</returns>
    public static string? UserOf(X509Certificate2 certificate, ClientName from) => from switch
    {
        ClientName.CommonName => CommonNames(certificate.SubjectName),
        ClientName.SubjectAlternativeName => certificate.Extensions.OfType<X509SubjectAlternativeNameExtension>()
            .SelectMany(names => names.EnumerateDnsNames()).FirstOrDefault(),
        _ => DistinguishedName(certificate.SubjectName),
    };

    private static string? CommonNames(X500DistinguishedName subject)
    {
        var names = Single(subject, reversed: false).Where(name => name.GetSingleElementType().Value == CommonName).Select(name => name.GetSingleElementValue());
        return string.Join(',', names) is { Length: > 0 } joined ? joined : null;
    }

    /// <summary>As RFC 4514 writes it, the last attribute first: <c>CN=client,O=Example</c>.</summary>
    public static string? DistinguishedName(X500DistinguishedName subject)
    {
        var parts = Single(subject, reversed: true).Select(name =>
            $"{Words.GetValueOrDefault(name.GetSingleElementType().Value!, name.GetSingleElementType().Value!)}={Escaped(name.GetSingleElementValue() ?? "")}");
        return string.Join(',', parts) is { Length: > 0 } joined ? joined : null;
    }

    /// <summary>Without attributes that come in sets, which are not in use.</summary>
    private static IEnumerable<X500RelativeDistinguishedName> Single(X500DistinguishedName subject, bool reversed) =>
        subject.EnumerateRelativeDistinguishedNames(reversed).Where(name => !name.HasMultipleElements);

    private static string Escaped(string value)
    {
        var escaped = new StringBuilder();
        var bytes = Encoding.UTF8.GetBytes(value);
        for (var index = 0; index < bytes.Length; index++)
        {
            var character = (char)bytes[index];
            if (character is < ' ' or >= '~') escaped.Append(CultureInfo.InvariantCulture, $"\\{bytes[index]:X2}");
            else if ("\"+,;<>\\".Contains(character) || (index == 0 && (character is ' ' or '#')) || (index == bytes.Length - 1 && character == ' '))
                escaped.Append('\\').Append(character);
            else escaped.Append(character);
        }
        return escaped.ToString();
    }
}
