"""Given and family names that the sample school's invented people are put together from. Any likeness is chance."""

from __future__ import annotations

_GIVEN_FEMALE = """
Aaliyah Abigail Adaeze Aiko Alejandra Alina Amara Amelia Amina Ana Anika Anna Aria Astrid Aurora Ava Beatriz
Camila Carmen Charlotte Chiara Chloe Clara Daniela Delphine Elena Elif Elise Ella Emilia Emma Esther Eva
Fatima Fiona Gabriela Grace Hana Hannah Harper Ingrid Isabella Ivy Jasmine Josephine Julia Kavya Keiko Layla
Leila Lena Lily Linh Lucia Luna Madison Maya Mei Mia Mila Naomi Nadia Noor Nora Olivia Paloma Penelope Priya
Quinn Rania Rosa Ruby Saanvi Sakura Salma Sara Savannah Selin Sofia Stella Tamara Tara Thandi Uma Valentina
Vera Violet Willow Ximena Yara Yasmin Yuna Zahra Zoe
"""
_GIVEN_MALE = """
Adam Ahmed Aiden Alejandro Alexei Amir Andre Anton Arjun Asher Ben Bilal Caleb Carlos Chen Christopher
Daniel Darius David Diego Dmitri Eli Elias Emil Emmanuel Ethan Felix Finn Gabriel George Hamza Henry Hiro
Hugo Ian Ibrahim Isaac Ivan Jack Jaden Jamal James Javier Joel Jonas Jordan Joseph Juan Kai Karim Kenji Kofi
Leo Levi Liam Lorenzo Lucas Luis Malik Marco Marcus Mateo Matteo Max Miguel Milan Mohammed Nathan Niko Noah
Oliver Omar Oscar Owen Pablo Patrick Rafael Raj Ravi Rohan Ryan Samir Samuel Santiago Sebastian Tariq Theo
Thomas Tomas Tyler Victor Vikram Wei Xavier Yusuf Zane
"""
_FAMILY = """
Abbott Abdi Acosta Adeyemi Aguilar Ahmadi Alvarez Amari Andersson Aoki Appiah Arslan Baker Banerjee Barros
Bauer Becker Bennett Bianchi Bonnet Brandt Brooks Bui Calloway Campos Carter Castillo Cernik Chandra Chang
Chavez Cho Clarke Cohen Coleman Conti Cooper Costa Cruz Dang Delgado Demir Desai Diallo Diaz Dinh Donovan
Dubois Duran Eaton Ekström Ellis Eriksen Espinoza Estrada Farah Fernandes Fischer Fitzgerald Flores Fontaine
Foster Fujita Gallagher Garcia Ghosh Gibson Gomez Greene Grimaldi Gupta Haddad Hansen Harper Hashimi Hayes
Hernandez Hoang Hoffmann Horvat Hughes Hussain Ibarra Iyer Jansen Jensen Jimenez Johansson Jovanovic Kamara
Kapoor Katz Kaya Keller Kim Kimura Kowalski Kumar Kuznetsov Lambert Larsen Lee Lewis Lim Lindqvist Lopez
Malhotra Marino Martinez Mbeki McAllister McKenna Mehta Mendes Mensah Meyer Mitchell Molina Moreau Moreno
Morris Murphy Nakamura Nasser Ndiaye Nguyen Nielsen Novak Nowak Obi Okafor Okoye Olsen Ortega Osei Owens
Ozturk Palmer Papadopoulos Park Patel Pereira Perez Petrov Pham Popescu Powell Quintero Rahman Ramirez Rao
Reed Reyes Ricci Rivera Robinson Rojas Romano Rossi Russo Sadiq Saito Salazar Sanchez Santos Sato Schneider
Schwartz Sharma Silva Singh Sokolov Soto Stewart Suzuki Svensson Takahashi Tan Tanaka Thompson Torres Tran
Turner Ueda Vargas Vasquez Vega Vidal Vogel Walker Wallace Wang Watanabe Weber Whitfield Wong Wu Yamamoto
Yang Yilmaz Young Zapata Zhang Zimmermann
"""

GIVEN_FEMALE = _GIVEN_FEMALE.split()
GIVEN_MALE = _GIVEN_MALE.split()
FAMILY = _FAMILY.split()
