using System.Collections.Immutable;
using System.Security.Cryptography;
using AMQP.Net;

namespace Amqp.Core.Security;

/// <summary>How a password was hashed: RabbitMQ's three modules. New ones are SHA-256; the others come from older definitions.</summary>
public enum HashingAlgorithm
{
    Sha256,
    Sha512,
    Md5,
}

public static class HashingAlgorithms
{
    private const string Prefix = "rabbit_password_hashing_";

    /// <summary>The name in definitions and in the HTTP API: <c>rabbit_password_hashing_sha256</c>.</summary>
    public static string Text(this HashingAlgorithm algorithm) => algorithm switch
    {
        HashingAlgorithm.Sha256 => Prefix + "sha256",
        HashingAlgorithm.Sha512 => Prefix + "sha512",
        _ => Prefix + "md5",
    };

    /// <returns>False for a custom module: its hashes fit no password here.</returns>
    public static bool TryParse(string text, out HashingAlgorithm algorithm)
    {
        foreach (var known in Enum.GetValues<HashingAlgorithm>())
        {
            algorithm = known;
            if (known.Text() == text) return true;
        }
        algorithm = default;
        return false;
    }
}

/// <summary>
/// A password as it is stored, in RabbitMQ's form: four bytes of salt and the hash of salt and password. Definitions carry it in
/// base64. A fast hash, which RabbitMQ's definitions dictate: what protects a weak password is that the file does not leave the host.
/// </summary>
public sealed record PasswordHash(HashingAlgorithm Algorithm, ImmutableArray<byte> Bytes)
{
    public const int SaltBytes = 4;

    /// <summary>No password fits: the user logs in some other way, or not at all.</summary>
    public static readonly PasswordHash None = new(HashingAlgorithm.Sha256, []);

    /// <param name="salt">Four random bytes.</param>
    public static PasswordHash Of(string password, ReadOnlySpan<byte> salt, HashingAlgorithm algorithm = HashingAlgorithm.Sha256)
    {
        if (salt.Length != SaltBytes) throw new ArgumentException($"{SaltBytes} random bytes are needed", nameof(salt));
        return new(algorithm, [.. salt, .. Hash(algorithm, salt, password)]);
    }

    /// <summary>Whether it was made of this password. How long it takes says nothing about how much of it is right.</summary>
    public bool Fits(string password)
    {
        // A blank password is refused even where the hash of one is stored.
        if (password.Length == 0 || Bytes.Length <= SaltBytes) return false;
        var bytes = Bytes.AsSpan();
        return CryptographicOperations.FixedTimeEquals(bytes[SaltBytes..], Hash(Algorithm, bytes[..SaltBytes], password));
    }

    /// <summary>Without the hash: a user is printed into logs and test results.</summary>
    public override string ToString() => Bytes.IsEmpty ? "no password" : Algorithm.Text();

    private static byte[] Hash(HashingAlgorithm algorithm, ReadOnlySpan<byte> salt, string password)
    {
        byte[] salted = [.. salt, .. LosslessUtf8.GetBytes(password)];
        return algorithm switch
        {
            HashingAlgorithm.Sha256 => SHA256.HashData(salted),
            HashingAlgorithm.Sha512 => SHA512.HashData(salted),
#pragma warning disable CA5351 // Users of RabbitMQ before 3.6 have such hashes until they change their passwords.
            _ => MD5.HashData(salted),
#pragma warning restore CA5351
        };
    }
}
