using System.Net;
using Amqp.Core;

namespace Amqp.Host.RabbitConfig;

/// <summary>Values in RabbitMQ's configuration.</summary>
internal static class ConfigValues
{
    private static readonly (string Unit, long Bytes)[] Units =
    [
        ("kib", 1L << 10), ("mib", 1L << 20), ("gib", 1L << 30), ("tib", 1L << 40), ("ki", 1L << 10), ("mi", 1L << 20), ("gi", 1L << 30), ("ti", 1L << 40),
        ("kb", 1_000), ("mb", 1_000_000), ("gb", 1_000_000_000), ("tb", 1_000_000_000_000), ("k", 1_000), ("m", 1_000_000), ("g", 1_000_000_000), ("t", 1_000_000_000_000),
    ];

    /// <summary>A number of bytes, as in <c>2GB</c> or <c>512MiB</c>. As in RabbitMQ 3.13, <c>M</c> is a million.</summary>
    /// <returns>Null: it is none.</returns>
    public static long? Bytes(string value)
    {
        var unit = Array.Find(Units, unit => value.EndsWith(unit.Unit, StringComparison.OrdinalIgnoreCase));
        var digits = value[..^(unit.Unit?.Length ?? 0)];
        return DecimalDigits.TryParse(digits, out var number) && number <= long.MaxValue / Math.Max(1, unit.Bytes) ? number * Math.Max(1, unit.Bytes) : null;
    }

    /// <summary>Digits, and perhaps a point and more digits.</summary>
    /// <returns>Null: it is no number.</returns>
    public static double? Share(string value)
    {
        var point = value.IndexOf('.', StringComparison.Ordinal);
        var (whole, fraction) = point < 0 ? (value, "0") : (value[..point], value[(point + 1)..]);
        return DecimalDigits.TryParse(whole, out var number) && DecimalDigits.TryParse(fraction, out var part) ? number + (part / Math.Pow(10, fraction.Length)) : null;
    }

    /// <summary>A port, or an address and a port: <c>5672</c>, <c>127.0.0.1:5672</c>, <c>::1:5672</c>.</summary>
    /// <returns>Null: it is none. An address of null is all.</returns>
    public static (string? Address, int Port)? EndPoint(string value)
    {
        var colon = value.LastIndexOf(':');
        if (!DecimalDigits.TryParse(value.AsSpan(colon + 1), out var port) || port > ushort.MaxValue) return null;
        if (colon < 0) return (null, (int)port);
        return Address(value[..colon].TrimStart('[').TrimEnd(']')) is { } address ? (address, (int)port) : null;
    }

    /// <summary>An IP address as our options have it.</summary>
    /// <returns>Null: it is none.</returns>
    public static string? Address(string value) => IPAddress.TryParse(value, out var address) ? address.ToString() : null;
}
