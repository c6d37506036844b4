using Amqp.Core.Security;

namespace Amqp.Core.Tests.Security;

/// <summary>Hashes as RabbitMQ makes them.</summary>
public class PasswordHashTests
{
    // The first was made by a RabbitMQ 3.10; the second stands in the documentation of RabbitMQ, and the others are the same by another library.
    [TestCase(HashingAlgorithm.Sha256, "p1", "nTYETRGm47gnjNrFvKG56DODQ/KiNtVGAvkjEf52VAbmozBN")]
    [TestCase(HashingAlgorithm.Sha256, "test12", "kI3GCqW5JLMJa4iX1lo7X4D6XbYqlLgxIs30+P6tENUV2POR")]
    [TestCase(HashingAlgorithm.Sha512, "test12", "kI3GChuNuIYf8lRbCCxZjgjKwsY19ns6+uFO0zcXRBGA/XGJPYD8OWMy7EB8TaOmAzjP2azv84GbINYwX2cDWb4DHnc=")]
    [TestCase(HashingAlgorithm.Md5, "test12", "kI3GChNpte2FApYFXScl+0dIluk=")]
    public void An_imported_hash_fits_its_password_and_no_other(HashingAlgorithm algorithm, string password, string base64)
    {
        var hash = new PasswordHash(algorithm, [.. Convert.FromBase64String(base64)]);
        Assert.That(hash.Fits(password), Is.True);
        Assert.That(hash.Fits(password + "x"), Is.False);
        Assert.That(hash.Fits(password[..1]), Is.False);
    }

    [Test]
    public void A_new_hash_is_the_salt_and_the_hash_of_both()
    {
        var hash = PasswordHash.Of("test12", [0x90, 0x8D, 0xC6, 0x0A]);
        Assert.That(Convert.ToBase64String(hash.Bytes.AsSpan()), Is.EqualTo("kI3GCqW5JLMJa4iX1lo7X4D6XbYqlLgxIs30+P6tENUV2POR"));
        Assert.That(hash.Algorithm, Is.EqualTo(HashingAlgorithm.Sha256));
    }

    [Test]
    public void A_password_that_is_not_UTF8_fits_as_its_bytes()
    {
        byte[] bytes = [1, 2, 3, 4, .. System.Security.Cryptography.SHA256.HashData([1, 2, 3, 4, (byte)'k', 0xE9])];
        var hash = new PasswordHash(HashingAlgorithm.Sha256, [.. bytes]);
        Assert.That(hash.Fits("k\uDCE9"), Is.True);
        Assert.That(hash.Fits("k\uFFFD"), Is.False);
    }

    [Test]
    public void A_blank_password_never_fits()
    {
        Assert.That(PasswordHash.Of("", [1, 2, 3, 4]).Fits(""), Is.False);
        Assert.That(PasswordHash.None.Fits(""), Is.False);
        Assert.That(PasswordHash.None.Fits("x"), Is.False);
    }

    [TestCase(0)]
    [TestCase(3)]
    [TestCase(4)]
    [TestCase(20)]
    public void A_hash_of_another_length_fits_nothing(int length) =>
        Assert.That(new PasswordHash(HashingAlgorithm.Sha256, [.. new byte[length]]).Fits("p"), Is.False);

    [Test]
    public void Nobody_prints_a_hash_by_accident() =>
        Assert.That($"{new User("u", PasswordHash.Of("p", [1, 2, 3, 4]), [], UserLimits.None)}", Does.Contain("rabbit_password_hashing_sha256").And.Not.Contain("1, 2, 3, 4"));

    [Test]
    public void Every_algorithm_is_found_by_its_name()
    {
        foreach (var algorithm in Enum.GetValues<HashingAlgorithm>())
        {
            Assert.That(HashingAlgorithms.TryParse(algorithm.Text(), out var parsed), Is.True);
            Assert.That(parsed, Is.EqualTo(algorithm));
        }
        Assert.That(HashingAlgorithms.TryParse("my_own_hashing", out _), Is.False);
    }
}
