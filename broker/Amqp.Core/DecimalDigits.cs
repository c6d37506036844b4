using System.Globalization;

namespace Amqp.Core;

/// <summary>A whole number as others write it: ASCII digits and nothing else.</summary>
public static class DecimalDigits
{
    /// <returns>False: there are none, or other characters too, or more than a long takes.</returns>
    public static bool TryParse(ReadOnlySpan<char> text, out long number)
    {
        number = 0;
        // The runtime's parsers pass over zeros (U+0000) at the end, in every style.
        return !text.ContainsAnyExceptInRange('0', '9') && long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out number);
    }
}
