// Collections and strings: interpreted first, then compiled, then compiled again.
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

public class Busy {
    static long countWords(int count) {
        Map<String, Integer> words = new HashMap<>();
        for (int i = 0; i < count; i++) words.merge("word" + (i * 7919 % 1000), i, Integer::sum);
        List<Integer> sums = new ArrayList<>(words.values());
        Collections.sort(sums);
        return sums.get(0);
    }

    public static void main(String[] args) {
        long end = System.nanoTime() + (long) (Double.parseDouble(args[0]) * 1e9);
        long sum = 0;
        while (System.nanoTime() < end) sum += countWords(20_000);
        System.out.println(sum);
    }
}
