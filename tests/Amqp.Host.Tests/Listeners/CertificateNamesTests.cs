using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Amqp.Host.Listeners;
using Amqp.Host.Options;

namespace Amqp.Host.Tests.Listeners;

/// <summary>Which user a certificate stands for.</summary>
internal sealed class CertificateNamesTests
{
    [TestCase("CN=client", ExpectedResult = "CN=client")]
    [TestCase("CN=client, O=Example, C=DE", ExpectedResult = "CN=client,O=Example,C=DE", Description = "encoded the other way round")]
    [TestCase("CN=\"a, b+c\"", ExpectedResult = @"CN=a\, b\+c")]
    [TestCase("CN=\" x \"", ExpectedResult = @"CN=\ x\ ")]
    [TestCase("CN=\"#1\"", ExpectedResult = @"CN=\#1")]
    [TestCase("CN=Müller", ExpectedResult = @"CN=M\C3\BCller", Description = "as RabbitMQ, byte by byte")]
    [TestCase("E=a@b.example, 2.5.4.17=12345", ExpectedResult = "EMAILADDRESS=a@b.example,2.5.4.17=12345")]
    [TestCase("", ExpectedResult = null)]
    public string? Distinguished_names_are_written_as_RabbitMQ_does(string subject) => UserOf(subject, ClientName.DistinguishedName);

    [TestCase("O=Example, CN=client", ExpectedResult = "client")]
    [TestCase("CN=one, CN=two", ExpectedResult = "two,one", Description = "as they are encoded")]
    [TestCase("O=Example", ExpectedResult = null)]
    public string? Common_names_stand_alone(string subject) => UserOf(subject, ClientName.CommonName);

    [TestCase("a.example", "b.example", ExpectedResult = "a.example")]
    [TestCase(ExpectedResult = null)]
    public string? Of_alternative_names_the_first_counts(params string[] names) => UserOf("CN=client", ClientName.SubjectAlternativeName, names);

    private static string? UserOf(string subject, ClientName from, params string[] alternative)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest(subject, key, HashAlgorithmName.SHA256);
        if (alternative.Length > 0)
        {
            var names = new SubjectAlternativeNameBuilder();
            foreach (var name in alternative) names.AddDnsName(name);
            request.CertificateExtensions.Add(names.Build());
        }
        using var certificate = request.CreateSelfSigned(DateTimeOffset.UnixEpoch, DateTimeOffset.UnixEpoch.AddYears(100));
        return CertificateNames.UserOf(certificate, from);
    }
}
