using Amqp.Host.Listeners;

namespace Amqp.Host.Tests.Listeners;

/// <summary>Cipher suites in the words of RabbitMQ's tools.</summary>
internal sealed class TlsSessionTests
{
    [TestCase("TLS_AES_256_GCM_SHA384", "any", "aes_256_gcm", "aead")]
    [TestCase("TLS_CHACHA20_POLY1305_SHA256", "any", "chacha20_poly1305", "aead")]
    [TestCase("TLS_AES_128_CCM_8_SHA256", "any", "aes_128_ccm_8", "aead")]
    [TestCase("TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", "ecdhe_rsa", "aes_128_gcm", "aead")]
    [TestCase("TLS_ECDHE_ECDSA_WITH_AES_256_CCM", "ecdhe_ecdsa", "aes_256_ccm", "aead")]
    [TestCase("TLS_DHE_RSA_WITH_AES_256_CBC_SHA256", "dhe_rsa", "aes_256_cbc", "sha256")]
    [TestCase("TLS_RSA_WITH_AES_128_CBC_SHA", "rsa", "aes_128_cbc", "sha")]
    [TestCase("53249", "", "", "")]
    public void A_suite_is_taken_apart(string suite, string keyExchange, string cipher, string hash) =>
        Assert.That(TlsSession.PartsOf(suite), Is.EqualTo((keyExchange, cipher, hash)));
}
